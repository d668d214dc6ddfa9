"""Find the tests that prove claims: by name, in every language, with file, line and last outcome.

They lie beside the examples. Those of the contract speak for every program at once.
"""

import re
from pathlib import Path
from typing import NamedTuple

from publish.sources import languages
from publish.sources.files import Fault, read_text
from publish.sources.ledger import CONTRACT, PASSED, RUN, RUNS, Ledger
from publish.sources.snippets import Snippets

CELLS = "tests/faults/test_faults.py"  # tries programs under faults
NOT_RUN = "not run since it changed"


class Proof(NamedTuple):
    """One test in one language. `outcome` is the ledger's as long as nothing that it rests on has changed."""

    name: str
    example: str
    language: str
    path: str
    line: int
    outcome: str
    date: str
    fails_on: tuple[str, ...] = ()  # servers on which it does not hold, as is declared

    @property
    def said(self) -> str:
        """How it ended, when, and where it does not hold."""
        return " · not on ".join([f"{self.outcome} {self.date}", *self.fails_on])


class Proofs(NamedTuple):
    """The tests by name, in the order of the languages; the files that they stand in; why others cannot be read."""

    named: dict[str, list[Proof]]
    texts: dict[str, str]
    faults: list[Fault]


def collect(root: Path, snippets: Snippets, ledger: Ledger) -> Proofs:
    """Return the tests of all examples."""
    found = Proofs({}, {}, [])
    proofs = found.named

    def tests(path: str) -> dict[str, int]:
        """Return the tests in a file, with their lines."""
        text, faults = read_text(root, path)
        found.faults.extend(faults)
        found.texts[path] = text
        return names(text, path)

    runs: list[tuple[str, str]] = []  # of every program: the outcome, and its day
    for snippet in snippets.files:
        row, date = ledger.current(snippet), ledger.rows[snippet.path].date if snippet.path in ledger.rows else ""
        runs.append((row.failures.get(RUN, PASSED) if row else NOT_RUN, date))
        path = snippet.language.test_path(snippet.example)
        if not (root / path).exists():
            continue
        for name, line in tests(path).items():
            outcome = row.failures.get(name, PASSED) if row else NOT_RUN
            fails_on = tuple(server for server, differs in row.differs.items() if name in differs) if row else ()
            proof = Proof(name, snippet.example, snippet.language.label, path, line, outcome, date, fails_on)
            proofs.setdefault(name, []).append(proof)
    if (root / CONTRACT).exists():
        label, (outcome, date) = languages.of(CONTRACT).label, every_run(runs)
        for name, line in tests(CONTRACT).items():
            if name in RUNS:
                proofs.setdefault(name, []).append(Proof(name, "", label, CONTRACT, line, outcome, date))
    if (root / CELLS).exists():
        tests(CELLS)
    return found


def every_run(runs: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the outcome of running all programs, and the day of the first of these runs."""
    outcomes = [outcome for outcome, _ in runs]
    if NOT_RUN in outcomes:
        return NOT_RUN, ""
    return next((one for one in outcomes if one != PASSED), PASSED), min((date for _, date in runs), default="")


def names(text: str, path: str) -> dict[str, int]:
    """Return the names of the tests that the test file at `path` declares, with their lines."""
    pattern = re.compile(languages.of(path).test_name, re.MULTILINE)
    return {match[1]: text.count("\n", 0, match.start(1)) + 1 for match in pattern.finditer(text)}
