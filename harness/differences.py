"""What does not hold on a server, as tests/servers.yml declares it: which tests, what they say there, and why.

A test that is declared must fail there, and say so; one that is not must pass.
"""

from dataclasses import dataclass
from pathlib import Path

from harness.targets import TARGETS
from publish.sources import ledger, proofs, snippets
from publish.sources.files import Fault
from publish.sources.nodes import Document, Reader, document

FILE = "tests/servers.yml"
FIELDS = ("server", "file", "names", "says", "reason")


@dataclass(frozen=True)
class Difference:
    """A test that fails on a target: in a file of tests, or the run of a program, which then is the file."""

    target: str
    file: str
    name: str
    says: str  # part of what it says when it fails
    reason: str


def read(root: Path) -> tuple[list[Difference], list[Fault]]:
    """Return what is declared, and every fault in it."""
    reader = Reader(document(FILE, (root / FILE).read_text("utf-8")) if (root / FILE).exists() else Document(FILE))
    found: list[Difference] = []
    known = tests(root)
    for entry in reader.items(reader.root, "the list"):
        fields = reader.fields(entry, "an entry", FIELDS)
        on, file, says, reason = (reader.text(fields.get(name), name) for name in FIELDS if name != "names")
        names = [reader.text(node, "a name") for node in reader.items(fields.get("names"), "names")]
        if on and on not in TARGETS:
            reader.wrong(fields["server"], f"no server is called {on}; there are {', '.join(TARGETS)}")
        if file and file not in known:
            reader.wrong(fields["file"], f"{file} is neither a program nor the tests of one")
        for name in names:
            if name and file in known and name not in known[file]:
                reader.wrong(entry, f"{file} has no test {name}")
            if any((on, file, name) == (one.target, one.file, one.name) for one in found):
                reader.wrong(entry, f"{file} {name} stands here twice for {on}; remove one")
            found.append(Difference(on, file, name, says, reason))
    return found, reader.faults


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
