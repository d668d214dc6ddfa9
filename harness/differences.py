"""What does not hold on a server, as tests/servers.yml declares it: which tests, what they say there, and why.

A test that is declared must fail there, and say so; one that is not must pass. An entry with `chance: true` promises
neither: which of several nodes answers decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode

from harness.targets import TARGETS
from publish.sources import ledger, proofs, snippets
from publish.sources.files import Fault
from publish.sources.nodes import Document, Reader, document

FILE = "tests/servers.yml"
FIELDS = ("server", "says", "reason", "tests")
CHANCE = "chance"


@dataclass(frozen=True)
class Difference:
    """A test that fails on a target: in a file of tests, or the run of a program, which then is the file."""

    target: str
    file: str
    name: str
    says: str  # part of what it says when it fails
    reason: str
    chance: bool = False  # it may also hold


def read(root: Path) -> tuple[list[Difference], list[Fault]]:
    """Return what is declared, and every fault in it."""
    reader = Reader(document(FILE, (root / FILE).read_text("utf-8")) if (root / FILE).exists() else Document(FILE))
    found: list[Difference] = []
    known = tests(root)
    for entry in reader.items(reader.root, "the list"):
        fields = reader.fields(entry, "an entry", FIELDS, (*FIELDS, CHANCE))
        server, says, reason = (reader.text(fields.get(name), name) for name in ("server", "says", "reason"))
        chance = reader.flag(fields.get(CHANCE), CHANCE)
        if server and server not in TARGETS:
            reader.wrong(fields["server"], f"no server is called {server}; there are {', '.join(TARGETS)}")
        for node, file, name in names(reader, fields.get("tests")):
            if name not in known.get(file, ()):
                reader.wrong(node, f"{file} has no test {name}; a program has its `run`")
            if any((server, file, name) == (one.target, one.file, one.name) for one in found):
                reader.wrong(node, f"{file} {name} stands here twice for {server}; remove one")
            found.append(Difference(server, file, name, says, reason, chance))
    return found, reader.faults


def names(reader: Reader, node: Node | None) -> Iterator[tuple[Node, str, str]]:
    """Yield the tests of an entry, each with its node and file: `FILE: [NAME, …]`, or `PROGRAM: run`."""
    if node is not None and not isinstance(node, MappingNode):
        reader.wrong(node, "tests names no files; write each as `tests/FILE: [NAME]` or `snippets/FILE: run`")
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if isinstance(value, ScalarNode) and value.value == "run":
            yield value, key.value, ledger.RUN
        else:
            yield from ((one, key.value, reader.text(one, "a name")) for one in reader.items(value, key.value))


def tests(root: Path) -> dict[str, set[str]]:
    """Return the names that can be declared, by file: the tests of each program, and its run."""
    found: dict[str, set[str]] = {}
    for snippet in snippets.read(root).files:
        found[snippet.path] = {ledger.RUN}
        path = snippet.language.test_path(snippet.example)
        if (root / path).exists():
            found[path] = set(proofs.names((root / path).read_text("utf-8"), path))
    return found


def declared(root: Path) -> list[Difference]:
    """Return what is declared. Raises SystemExit with every fault."""
    found, faults = read(root)
    if faults:
        raise SystemExit("\n".join(map(str, faults)))
    return found
