"""What programs do when something is wrong: the expectations that the suite holds, and the table that readers see.

They stand in docs/_course/faults/PAGE.yml, one entry for each program of the page.
"""

import re
from dataclasses import dataclass, field

from yaml.nodes import Node, ScalarNode

from publish.parts import conditions
from publish.parts.conditions import Pairs
from publish.sources.course import Course, once
from publish.sources.files import Fault
from publish.sources.headings import page_problem
from publish.sources.languages import LANGUAGES
from publish.sources.nodes import Read, line_of

FOLDER = "docs/_course/faults"
OPERATION, CALL = ("title", "do", "with"), ("do", "with", "gets")
CELL = ("says", "gets", "or", "raises", "counts", "within")
PROGRAM = ("program", "name", "setup", "key", "before", "after", "operations", "cells")
COUNT = re.compile(r"(\d+)(?: to (\d+))?")


@dataclass(frozen=True)
class Call:
    """An operation as it is called: its name in the adapter, its arguments, and what it answers ("" for nothing)."""

    do: str
    arguments: list[str]
    gets: str = ""
    title: str = ""


@dataclass(frozen=True)
class Cell:
    """What is expected of an operation under a condition. `raises` is a pattern, "" where the caller gets an answer.

    `otherwise` is a pattern of the error that a caller may get in place of its answer, where a race decides.
    """

    says: str
    gets: str
    otherwise: str
    raises: str
    counts: dict[str, range]
    within: int  # seconds
    line: int


@dataclass(frozen=True)
class Expected:
    """What is expected of a program, by condition and operation; in a language that differs, of that one."""

    page: str
    program: str
    name: str
    setup: str  # the SQL that fills its database
    key: str
    before: Call
    after: Call
    operations: dict[str, Call]
    cells: dict[str, dict[str, Cell]]
    differs: dict[tuple[str, str], tuple[str, dict[str, Cell]]] = field(default_factory=dict)  # by language, condition
    untried: dict[str, str] = field(default_factory=dict)  # why not under a condition, by its name
    line: int = 1

    def conditions(self, language: str) -> list[str]:
        """Return those that it meets in a language: those of all, and those that this language alone can meet."""
        own = [condition for label, condition in self.differs if label == language and condition not in self.cells]
        return [*self.cells, *own]

    def cell(self, condition: str, operation: str, language: str) -> Cell | None:
        """Return what is expected in a language."""
        _, own = self.differs.get((language, condition), ("", {}))
        return own.get(operation) or self.cells.get(condition, {}).get(operation)


class Expectations(Pairs):
    """Takes a file apart."""

    def call(self, node: Node | None, name: str, known: tuple[str, ...]) -> Call:
        """Read how an operation is called."""
        found = self.fields(node, name, tuple(one for one in known if one != "gets"), known)
        arguments = [self.text(one, "an argument") for one in self.items(found.get("with"), "with")]
        return Call(
            self.text(found.get("do"), "do"),
            arguments,
            self.text(found.get("gets"), "gets"),
            self.text(found.get("title"), "title"),
        )

    def cell(self, node: Node) -> Cell:
        """Read a cell."""
        found = self.fields(node, "a cell", ("says", "within"), CELL)
        if "gets" in found and "raises" in found:
            self.wrong(node, "a caller gets an answer or an error, not both")
        return Cell(
            self.markdown(found.get("says"), "says"),
            self.text(found.get("gets"), "gets"),
            self.text(found.get("or"), "or"),
            self.text(found.get("raises"), "raises"),
            {name: self.count(one) for name, one in self.pairs(found.get("counts"), "counts").items()},
            self.number(found.get("within"), "within", 1),
            line_of(node),
        )

    def count(self, node: Node) -> range:
        """Read how often something is counted."""
        match = COUNT.fullmatch(self.text(node, "a count"))
        if not match:
            self.wrong(node, "a count is a number, or LEAST to MOST")
            return range(0)
        return range(int(match[1]), int(match[2] or match[1]) + 1)

    def cells(self, node: Node | None, operations: dict[str, Call]) -> dict[str, Cell]:
        """Read the cells of a condition."""
        found = self.pairs(node, "a condition")
        for name in found.keys() - operations.keys():
            self.wrong(found[name], f"there is no operation {name}; there is {', '.join(operations)}")
        return {name: self.cell(one) for name, one in found.items()}

    def like(self, node: Node, written: dict[str, dict[str, Cell]]) -> dict[str, Cell]:
        """Return the cells of the condition that a node names in place of its own."""
        name = self.text(node, "a condition")
        if name not in written:
            self.wrong(node, f"{name} has no cells of its own; write them here, or name one of {', '.join(written)}")
        return written.get(name, {})

    def program(self, course: Course, page: str, node: Node) -> Expected:
        """Read what is expected of a program."""
        found = self.fields(node, "a program", PROGRAM, (*PROGRAM, "differs", "untried"))
        program = self.text(found.get("program"), "program")
        if program and program not in course.snippets.examples:
            self.wrong(found["program"], f"snippets/{program}.* does not exist")
        calls = self.pairs(found.get("operations"), "operations").items()
        operations = {name: self.call(one, "an operation", OPERATION) for name, one in calls}
        entries = self.pairs(found.get("cells"), "cells")
        written = {name: self.cells(one, operations) for name, one in entries.items() if not same(one)}
        cells = {name: self.like(one, written) if same(one) else written[name] for name, one in entries.items()}
        for name, of in cells.items():
            for operation in operations.keys() - of.keys():
                self.wrong(entries[name], f"{name} lacks {operation}")
        differs: dict[tuple[str, str], tuple[str, dict[str, Cell]]] = {}
        for one in self.items(found.get("differs"), "differs"):
            own = self.fields(one, "a difference", ("in", "condition", "reason", "cells"))
            where = self.text(own.get("in"), "in"), self.text(own.get("condition"), "condition")
            self.known(course, {where[1]: one}, node)
            if where[0] not in [language.label for language in LANGUAGES.values()]:
                self.wrong(one, f"there is no language {where[0]}")
            other = own.get("cells")
            own_cells = self.like(other, written) if other and same(other) else self.cells(other, operations)
            if where[1] not in cells:
                for operation in operations.keys() - own_cells.keys():
                    self.wrong(one, f"{where[1]}, of {where[0]} alone, lacks {operation}")
            differs[where] = self.markdown(own.get("reason"), "reason"), own_cells
        reasons = self.pairs(found.get("untried"), "untried")
        untried = {name: self.markdown(why, "a reason") for name, why in reasons.items()}
        self.known(course, {**entries, **reasons}, node)
        untold = conditions.untold(conditions.read(course).data, cells, untried)
        if bare := [name for name, why in untold.items() if not why]:
            self.wrong(node, f"says nothing of {', '.join(bare)}; write cells, or a reason below untried")
        return Expected(
            page,
            program,
            self.text(found.get("name"), "name"),
            self.text(found.get("setup"), "setup", literal=True),
            self.text(found.get("key"), "key"),
            self.call(found.get("before"), "before", CALL),
            self.call(found.get("after"), "after", CALL),
            operations,
            cells,
            differs,
            untold,
            line_of(node),
        )

    def known(self, course: Course, named: dict[str, Node], node: Node) -> None:
        """Find conditions that nobody knows."""
        groups = conditions.read(course).data
        known = {group.name for group in groups} | {name for group in groups for name in group.titles}
        for name in named.keys() - known:
            self.wrong(named[name], f"there is no condition {name}; {conditions.FILE} lists them")


def same(node: Node) -> bool:
    """Tell whether a condition names another one, under which the same happens."""
    return isinstance(node, ScalarNode)


@once
def read(course: Course) -> Read[list[Expected]]:
    """Read all that is expected, by the paths of the pages."""
    made: Read[list[Expected]] = Read([], [], [])
    for path in [path for path in course.data if path.startswith(f"{FOLDER}/")]:
        reader, page = Expectations(course.yaml(path)), path.removeprefix(f"{FOLDER}/").removesuffix(".yml") + ".md"
        made.data.extend(reader.program(course, page, node) for node in reader.items(reader.root, "the file"))
        made.faults.extend(reader.faults)
        made.texts.extend(reader.texts)
        if problem := page_problem(course, page):
            made.faults.append(Fault(path, 1, f"{problem}; expectations have the path of their page"))
    return made
