"""What ran of the fault matrix: for each program and condition, the digest of all that the outcome rested on.

One line a program in faults.jsonl, written by the tests alone. A cell whose digest is another one now has to run again.
"""

import ast
import functools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from publish.parts import faults
from publish.parts.faults import Call, Expected
from publish.sources import ledger
from publish.sources.closure import code, parsed
from publish.sources.course import Course, once
from publish.sources.files import Fault, digest
from publish.sources.languages import CSHARP, NODE
from publish.sources.proofs import CELLS
from publish.sources.snippets import Snippet

FILE = "faults.jsonl"
CONDITIONS = "harness/faults/conditions.py"
TRIED_BY = (CONDITIONS, "harness/faults/drive.py", "harness/faults/tap.py")  # and what they import
ADAPTERS = "tests/faults"
DRIVERS = {CSHARP.key: "harness/csharp/Drive", NODE.key: "harness/faults/driver.mjs"}
DRIVER = "harness/faults/driver.py"
FIELDS = ("path", "date", "server", "cells", "seal")


@dataclass(frozen=True)
class Row:
    """What is known of one program: the digest of each condition under which it did what is expected of it."""

    path: str
    date: str
    server: str
    cells: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """Return the row as the file holds it, with a seal that shows whether another hand has written in it."""
        return ledger.sealed(asdict(self))


def rows(root: Path) -> tuple[dict[str, Row], list[Fault]]:
    """Return the sound rows by the path of their program, and what is wrong with the others."""
    file = root / FILE
    text = file.read_text("utf-8", "replace") if file.exists() else ""
    found: dict[str, Row] = {}
    wrong: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        row = parse(line)
        if row is None or row.path in found:
            wrong.append(Fault(FILE, number, f"is no row that the tests have written; {ledger.MEND}"))
        else:
            found[row.path] = row
    return found, wrong


def parse(line: str) -> Row | None:
    """Return the row that a line holds; None where it is none, or was edited."""
    try:
        fields: Any = json.loads(line)
        row = Row(*(fields[name] for name in FIELDS[:-1]))
        return row if row.line() == line else None
    except (ValueError, KeyError, TypeError):
        return None


def save(root: Path, found: dict[str, Row]) -> None:
    """Write all rows in the order of their paths, whole or not at all."""
    ledger.write(root / FILE, [found[path].line() for path in sorted(found)])


class Cells:
    """The cells of a course: which there are, what each rests on, and which of them have run since that changed."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.rows, self.faults = rows(course.root)
        self.files = course.ledger.files
        self.common: dict[str, str] = {}  # by program: the digest of what all its cells rest on
        self.digests: dict[tuple[str, str], str] = {}  # of the cells, by program and condition

    def all(self) -> Iterator[tuple[Expected, Snippet, str]]:
        """Yield each: what is expected, the program in a language, the condition."""
        for expected in faults.read(self.course).data:
            for program in self.course.snippets.examples.get(expected.program, {}).values():
                for condition in expected.conditions(program.language.label):
                    yield expected, program, condition

    def left(self) -> list[tuple[Expected, Snippet, str]]:
        """Return those that have not run since what they rest on changed."""
        return [cell for cell in self.all() if not self.ran(*cell)]

    def ran(self, expected: Expected, program: Snippet, condition: str) -> bool:
        """Tell whether a cell has run as it is now."""
        row = self.rows.get(program.path)
        return row is not None and row.cells.get(condition) == self.digest(expected, program, condition)

    def digest(self, expected: Expected, program: Snippet, condition: str) -> str:
        """Return the digest of all that a cell rests on: what tries it, what it is held against, what is tried."""
        if (program.path, condition) not in self.digests:
            self.digests[program.path, condition] = self.made(expected, program, condition)
        return self.digests[program.path, condition]

    def made(self, expected: Expected, program: Snippet, condition: str) -> str:
        """Make the digest of a cell."""
        label = program.language.label
        cells = [
            (operation, called(call), told(expected, condition, operation, label))
            for operation, call in expected.operations.items()
        ]
        world = (expected.setup, expected.key, called(expected.before), called(expected.after))
        made = condition_code(self.files.text(CONDITIONS) or "", condition)
        return digest(repr((self.base(program), world, cells, made)))

    @functools.cached_property
    def trying(self) -> set[str]:
        """What tries every cell, but for the code of the conditions, of which each cell rests on its own."""
        return {CELLS, *(path for one in TRIED_BY for path in self.files.closure(one, ""))} - {CONDITIONS}

    def base(self, program: Snippet) -> str:
        """Return the digest of the program, and of what drives it."""
        if program.path not in self.common:
            language, folder = program.language, program.path.removeprefix("snippets/").rpartition("/")[0]
            here = self.course.root / ADAPTERS / folder  # above it stands what a section's adapters share
            beside = sorted(file for at in (here, here.parent) for file in at.glob(f"*{language.suffix}"))
            driver = self.course.root / DRIVERS.get(language.key, DRIVER)
            drivers = sorted(driver.glob("*.*")) if driver.is_dir() else [driver]
            paths = {file.relative_to(self.course.root).as_posix() for file in (*beside, *drivers)}
            paths |= self.trying
            self.common[program.path] = self.files.digest(paths, program.text)
        return self.common[program.path]


def called(call: Call) -> tuple[str, ...]:
    """Return what of an operation is no mere word for readers."""
    return (call.do, call.gets, *call.arguments)


def told(expected: Expected, condition: str, operation: str, label: str) -> object:
    """Return what of a cell is no mere word for readers."""
    cell = expected.cell(condition, operation, label)
    return cell and (cell.gets, cell.otherwise, cell.raises, sorted(map(repr, cell.counts.items())), cell.within)


@functools.cache
def condition_code(text: str, condition: str) -> str:
    """Return what of the code of all conditions makes this one: its entry, and the functions that this needs."""
    tree = parsed(code(text)) or ast.Module([], [])  # what does not run makes nothing
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    entries = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and getattr(node.args[0], "value", None) == condition
    ]
    needed: dict[str, None] = {}
    ahead = [name for entry in entries for name in names(entry)]
    while ahead:
        if (name := ahead.pop()) in functions and name not in needed:
            needed[name] = None
            ahead += names(functions[name])
    rest = [one for one in tree.body if not isinstance(one, ast.FunctionDef) and not lists(one)]
    return "\n".join(ast.unparse(one) for one in (*rest, *entries, *(functions[name] for name in sorted(needed))))


def names(tree: ast.AST) -> list[str]:
    """Return the names that a piece of code uses."""
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def lists(statement: ast.stmt) -> bool:
    """Tell whether a statement is the table of all conditions."""
    return isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "CONDITIONS"


@once
def read(course: Course) -> Cells:
    """Return the cells of a course."""
    return Cells(course)
