"""The ledger: which program was run, with its tests, on which versions, with what outcome, and when.

One line a program. Its digest is of all that the outcome rests on, so two branches that change a program and its test
apart conflict in that line, and neither may vouch for what never ran together.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from publish.sources import closure
from publish.sources.files import Fault, digest
from publish.sources.languages import OUTPUT
from publish.sources.nodes import Document, document
from publish.sources.snippets import Snippet

FILE = "ledger.jsonl"
PASSED = "passed"
RUN = "prints what is stored"  # the outcome of running the program itself, beside those of its tests
CONTRACT = "tests/test_contract.py"  # runs every program
EACH = (CONTRACT, "harness/session.py")  # what the outcome of every program rests on: what runs it, and its tests
JUDGES = ("publish/parts/keys.py", "publish/parts/key_forms.py")  # by which the contract holds a program's keys
EXERCISES = "docs/_course/exercises.yml"  # by which the checks of an exercise are found
PRACTICE = "practice/exercise.py"
REGISTRY = "docs/_course/keys.yml"  # what a program that names a key is held against
DEMANDS = ("type", "seconds", "never", "form")  # of its fields, those that hold a key
PLACE = re.compile(r"\{\w+\}")  # what varies in a key's pattern
RUNS = ("prints_what_is_stored", "every_pattern_has_one_type")  # its tests, of which the worst is the outcome of a run
MEND = "delete the line, then run `make test`"
MERGE = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")  # what git leaves where two branches wrote the same row


@dataclass(frozen=True)
class Row:
    """What is known of one program. All of its tests passed but those in `failures`, which says how they ended."""

    path: str
    digest: str
    date: str
    versions: dict[str, str]
    failures: dict[str, str] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)  # on which it ran too, with their versions
    differs: dict[str, list[str]] = field(default_factory=dict)  # what does not hold there, as it is declared

    def line(self) -> str:
        """Return the row as the file holds it, with a seal that shows whether another hand has written in it."""
        return sealed({name: value for name, value in asdict(self).items() if value or name not in OPTIONAL})


def sealed(fields: Mapping[str, Any]) -> str:
    """Return fields as a line of JSON that ends in its seal."""
    text = json.dumps(fields, ensure_ascii=False)
    return f'{text[:-1]}, "seal": "{digest(text)[:8]}"}}'


TEXT, TEXTS, LISTS = "text", "table of texts", "table of lists of texts"
FIELDS = {"path": TEXT, "digest": TEXT, "date": TEXT, "versions": TEXTS, "failures": TEXTS, "servers": TEXTS}
FIELDS |= {"differs": LISTS, "seal": TEXT}
OPTIONAL = {"failures", "servers", "differs"}


class Ledger:
    """The rows of the course at `root`, and what its files now are. Make a new one for each build."""

    def __init__(self, root: Path, texts: Mapping[str, str] | None = None, registry: Document | None = None) -> None:
        self.rows, self.faults = read(root)
        self.known = registry  # the key registry, where it has been read already
        self.files = closure.Files(root, texts)
        self.digests: dict[str, str] = {}

    def digest(self, snippet: Snippet) -> str:
        """Return what a row is bound to: the program, its stored output, its tests and what they rest on."""
        if snippet.path not in self.digests:
            tests = snippet.language.test_path(snippet.example)
            paths = self.files.closure(tests, snippet.path.rpartition("/")[0]) | self.each
            paths |= {snippet.path, f"snippets/{snippet.example}{OUTPUT}"}
            paths |= {EXERCISES} if PRACTICE in paths else set()
            more = [
                snippet.whole,
                *snippet.language.commands(snippet.file, snippet.text),
                *map(str, self.keys(snippet).items()),
            ]
            self.digests[snippet.path] = self.files.digest(paths, "\n".join(more))
        return self.digests[snippet.path]

    @cached_property
    def each(self) -> set[str]:
        """What every row rests on."""
        return {*JUDGES, *(path for one in EACH for path in self.files.closure(one, ""))}

    @cached_property
    def registry(self) -> dict[str, str]:
        """What the key registry demands, by pattern. What is wrong in it is for its own reader to say."""
        found = (self.known or document(REGISTRY, self.files.text(REGISTRY) or "")).data
        rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
        return {str(row.get("pattern")): repr([row.get(name) for name in DEMANDS]) for row in rows}

    def keys(self, snippet: Snippet) -> dict[str, str]:
        """Return, by pattern, what the key registry demands of a program: the rows whose keys begin as its own do.

        Of a beginning, two words count: a program holds these as one text, and may add the next.
        """
        return {pattern: row for pattern, row in self.registry.items() if self.begins[pattern] in snippet.text}

    @cached_property
    def begins(self) -> dict[str, str]:
        """How the keys of each pattern begin."""
        return {pattern: ":".join(PLACE.split(pattern)[0].split(":")[:2]) for pattern in self.registry}

    def current(self, snippet: Snippet) -> Row | None:
        """Return the row of a snippet if nothing that it rests on has changed."""
        row = self.rows.get(snippet.path)
        return row if row and row.digest == self.digest(snippet) else None

    def problem(self, snippet: Snippet) -> str:
        """Say why a snippet may not carry its badge; an empty string where it may."""
        if snippet.path not in self.rows:
            return "was never run"
        row = self.current(snippet)
        if row is None:
            return "has changed since it was last run, or its output, its tests or what they use have"
        return f"did not pass: {', '.join(row.failures)}" if row.failures else ""


def read(root: Path) -> tuple[dict[str, Row], list[Fault]]:
    """Return the sound rows by the path of their program, and what is wrong with the others."""
    file = root / FILE
    text = file.read_text("utf-8", "replace") if file.exists() else ""
    lines = text.removesuffix("\n").split("\n") if text else []
    rows: dict[str, Row] = {}
    at: dict[str, int] = {}
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        row = parse(line)
        if isinstance(row, str):
            faults.append(Fault(FILE, number, f"{row}; {MEND}"))
            continue
        if row.path in at:
            faults.append(Fault(FILE, number, f"{row.path} has a row in line {at[row.path]} too; {MEND}"))
            rows.pop(row.path, None)  # neither counts: who knows which of them ran
        elif at and row.path < max(at):
            faults.append(Fault(FILE, number, f"{row.path} is out of order; {MEND}"))
        else:
            rows[row.path] = row
        at.setdefault(row.path, number)
    return rows, faults


def parse(line: str) -> Row | str:
    """Return the row that a line holds, or what is wrong with it."""
    if line.startswith(MERGE):
        return "is left of a merge"
    try:
        fields: Any = json.loads(line)
    except ValueError as error:
        return f"cannot be read ({error})"
    if not isinstance(fields, dict):
        return "is no row: write nothing here by hand"
    name = str(fields.get("path", "a program"))
    if unknown := [key for key in fields if key not in FIELDS]:
        return f"the row of {name} has a field {unknown[0]}, which no row has"
    if missing := [key for key in FIELDS if key not in fields and key not in OPTIONAL]:
        return f"the row of {name} lacks {missing[0]}"
    for key, value in fields.items():
        if not fits(value, FIELDS[key]):
            return f"the row of {name} has as {key} what is no {FIELDS[key]}"
    row = Row(**{key: value for key, value in fields.items() if key != "seal"})
    return row if row.line() == line else f"the row of {name} was edited, and only a run of the tests may write it"


def fits(value: Any, kind: str) -> bool:
    """Tell whether a value is of the kind that its field wants."""
    if kind == TEXT:
        return isinstance(value, str)
    if not isinstance(value, dict):
        return False
    entries = list(value.values())
    if kind == LISTS:
        return all(isinstance(entry, list) and all(isinstance(text, str) for text in entry) for entry in entries)
    return all(isinstance(entry, str) for entry in entries)


def save(root: Path, rows: dict[str, Row]) -> None:
    """Write all rows in the order of their paths, whole or not at all."""
    write(root / FILE, [rows[path].line() for path in sorted(rows)])


def write(file: Path, lines: Iterable[str]) -> None:
    """Write a file of lines, whole or not at all."""
    draft = file.with_name(file.name + ".new")
    draft.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    draft.replace(file)
