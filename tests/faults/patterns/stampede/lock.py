"""What the lock can be told to do."""

from types import ModuleType
from typing import Any

from tests.faults.patterns.stampede.books import Books


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    load = Books(database)
    books = program.Bestsellers(program.connect(url), load)

    def read(category: str) -> str:
        return ", ".join(books.get(category))

    return {"read": read, "counts": lambda: {**books.stats, "database reads": load.reads}}
