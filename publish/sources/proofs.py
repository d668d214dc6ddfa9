"""Find the tests that prove claims: by name, in every language, with file, line and last outcome.

They lie beside the examples. Those of the contract speak for every program at once.
"""

import re
from pathlib import Path
from typing import NamedTuple

from publish.sources.languages import LANGUAGES
from publish.sources.ledger import CONTRACT, PASSED, RUN, RUNS, Ledger
from publish.sources.snippets import Snippets

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


def collect(root: Path, snippets: Snippets, ledger: Ledger) -> dict[str, list[Proof]]:
    """Return the tests of all examples by name, in the order of the languages."""
    proofs: dict[str, list[Proof]] = {}
    runs: list[tuple[str, str]] = []  # of every program: the outcome, and its day
    for snippet in snippets.files:
        row, date = ledger.current(snippet), ledger.rows[snippet.path].date if snippet.path in ledger.rows else ""
        runs.append((row.failures.get(RUN, PASSED) if row else NOT_RUN, date))
        path = snippet.language.test_path(snippet.example)
        if not (root / path).exists():
            continue
        for name, line in names((root / path).read_text("utf-8"), Path(path).suffix).items():
            outcome = row.failures.get(name, PASSED) if row else NOT_RUN
            proof = Proof(name, snippet.example, snippet.language.label, path, line, outcome, date)
            proofs.setdefault(name, []).append(proof)
    if (root / CONTRACT).exists():
        outcome, date = every_run(runs)
        for name, line in names((root / CONTRACT).read_text("utf-8"), ".py").items():
            if name in RUNS:
                proofs.setdefault(name, []).append(Proof(name, "", "Python", CONTRACT, line, outcome, date))
    return proofs


def every_run(runs: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the outcome of running all programs, and the day of the first of these runs."""
    outcomes = [outcome for outcome, _ in runs]
    if NOT_RUN in outcomes:
        return NOT_RUN, ""
    return next((one for one in outcomes if one != PASSED), PASSED), min((date for _, date in runs), default="")


def names(text: str, extension: str) -> dict[str, int]:
    """Return the names of the tests that a test file declares, with their lines."""
    pattern = re.compile(LANGUAGES[extension].test_name, re.MULTILINE)
    return {match[1]: text.count("\n", 0, match.start(1)) + 1 for match in pattern.finditer(text)}
