"""Find the tests that prove claims: by name, in every language, with file, line and last outcome."""

import re
from pathlib import Path
from typing import NamedTuple

from publish.languages import LANGUAGES
from publish.ledger import Ledger, hashes
from publish.snippets import Library

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


def collect(root: Path, library: Library, ledger: Ledger) -> dict[str, list[Proof]]:
    """Return the tests of all examples by name, in the order of the languages."""
    proofs: dict[str, list[Proof]] = {}
    for snippet in library.snippets:
        path = snippet.language.test_path(snippet.example)
        if not (root / path).exists():
            continue
        row = ledger.get(snippet.path, {})
        outcomes = row.get("outcomes", {}) if row.get("hashes") == hashes(root, library, snippet) else {}
        for name, line in names((root / path).read_text("utf-8"), Path(path).suffix).items():
            outcome = outcomes.get(name, NOT_RUN)
            proof = Proof(name, snippet.example, snippet.language.label, path, line, outcome, row.get("date", ""))
            proofs.setdefault(name, []).append(proof)
    return proofs


def names(text: str, extension: str) -> dict[str, int]:
    """Return the names of the tests that a test file declares, with their lines."""
    pattern = re.compile(LANGUAGES[extension].test_name, re.MULTILINE)
    return {match[1]: text.count("\n", 0, match.start(1)) + 1 for match in pattern.finditer(text)}
