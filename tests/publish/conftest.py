"""Small courses of their own for the tests of the press."""

from collections.abc import Callable
from pathlib import Path

import pytest

from publish.pages.expand import Press
from publish.sources import ledger

Write = Callable[[dict[str, str]], Path]
Prove = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes files, given by path, and returns the folder that holds the course."""

    def into(files: dict[str, str]) -> Path:
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, "utf-8")
        return tmp_path

    return into


@pytest.fixture
def prove(tmp_path: Path) -> Prove:
    """A function that writes the ledger of that course: these snippets ran, and passed their test `it_reads`."""

    def ran(*paths: str) -> None:
        library, rows = Press(tmp_path).library, {}
        for snippet in library.snippets:
            if snippet.path in paths:
                rows[snippet.path] = {
                    "date": "2026-01-02",
                    "hashes": ledger.hashes(tmp_path, library, snippet),
                    "versions": {"Redis": "8"},
                    "outcomes": {"it_reads": ledger.PASSED, ledger.RUN: ledger.PASSED},
                }
        ledger.save(tmp_path, rows)

    return ran
