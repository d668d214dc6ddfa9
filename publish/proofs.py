"""Find the tests that prove claims: by name, in every language, with file, line and last outcome."""

import re
from pathlib import Path
from typing import NamedTuple

from publish.languages import LANGUAGES
from publish.ledger import Ledger
from publish.snippets import Library


class Proof(NamedTuple):
    """One test in one language. `outcome` is the ledger's, or "not run"."""

    name: str
    example: str
    language: str
    path: str
    line: int
    outcome: str
    date: str


def collect(root: Path, library: Library, ledger: Ledger) -> dict[str, list[Proof]]:
    """Return the tests of all examples by name, in the order of the languages."""
    proofs: dict[str, list[Proof]] = {}
    for snippet in library.snippets:
        path = snippet.language.test_path(snippet.example)
        if not (root / path).exists():
            continue
        row = ledger.get(snippet.path, {})
        for name, line in names((root / path).read_text("utf-8"), Path(path).suffix).items():
            outcome = row.get("outcomes", {}).get(name, "not run")
            proof = Proof(name, snippet.example, snippet.language.label, path, line, outcome, row.get("date", ""))
            proofs.setdefault(name, []).append(proof)
    return proofs


def names(text: str, extension: str) -> dict[str, int]:
    """Return the names of the tests that a test file declares, with their lines."""
    pattern = re.compile(LANGUAGES[extension].test_name, re.MULTILINE)
    return {match[1]: text.count("\n", 0, match.start(1)) + 1 for match in pattern.finditer(text)}
