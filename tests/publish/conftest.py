"""Small courses of their own for the tests of the press, and the press itself, as the site uses it."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

import publish.pages.check
from publish import generator
from publish.pages.expand import Expander
from publish.pages.protocol import Site
from publish.parts.table import PARTS
from publish.sources import ledger
from publish.sources.course import Course
from publish.sources.ledger import Row

ROOT = Path(__file__).resolve().parent.parent.parent
Write = Callable[[dict[str, str]], Path]
Prove = Callable[..., None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-quick` leaves out."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


def check(root: Path, strict: bool = False) -> list[str]:
    """Return the faults of the course at `root`."""
    return [str(fault) for fault in publish.pages.check.check(Course(root), PARTS, strict)]


def expand(root: Path, markdown: str) -> str:
    """Return a page of the course at `root` as it is before it is rendered."""
    return Expander(Course(root), PARTS).expand(markdown)


@functools.cache
def our_site() -> Site:
    """Return what the parts may know of our site."""
    return generator.site(ROOT, PARTS)


def html(root: Path, markdown: str) -> str:
    """Return a page of the course at `root` as our site renders it."""
    return our_site().html(Expander(Course(root), PARTS), markdown, "../")


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
        course = Course(tmp_path)
        found = [snippet for snippet in course.snippets.files if snippet.path in paths]
        rows = [Row(one.path, course.ledger.digest(one), "2026-01-02", {"Redis": "8"}) for one in found]
        ledger.save(tmp_path, {row.path: row for row in rows})

    return ran
