"""What single flight can be told to do."""

from types import ModuleType
from typing import Any

from tests.faults.patterns.stampede.books import Books


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    load = Books(database)
    books = program.Bestsellers(program.connect(url), load)

    def read(category: str) -> str:
        return ", ".join(books.get(category))

    def write(category: str, title: str) -> None:
        load.write(category, title)
        books.changed(category)

    return {"read": read, "write": write, "counts": lambda: {**books.stats, "database reads": load.reads}}
