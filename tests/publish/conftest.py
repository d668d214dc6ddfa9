"""Small courses of their own for the tests of the press."""

from collections.abc import Callable
from pathlib import Path

import pytest

from publish.pages.expand import Press
from publish.sources import ledger
from publish.sources.ledger import Row

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
    """A function that writes the ledger of that course: these snippets ran, and passed their tests."""

    def ran(*paths: str) -> None:
        press = Press(tmp_path)
        found = [snippet for snippet in press.library.snippets if snippet.path in paths]
        rows = [Row(one.path, press.ledger.digest(one), "2026-01-02", {"Redis": "8"}) for one in found]
        ledger.save(tmp_path, {row.path: row for row in rows})

    return ran
