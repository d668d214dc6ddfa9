"""What page views can be told to do."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    pages = program.PageViews(program.connect(url))

    def said(number: int | None) -> str | None:
        return None if number is None else str(number)

    def count(page_id: str) -> str | None:
        return said(pages.count(page_id))

    return {
        "count": count,
        "write": count,
        "views": lambda page_id: said(pages.views(page_id)[0]),
        "counts": lambda: dict(pages.stats),
    }
