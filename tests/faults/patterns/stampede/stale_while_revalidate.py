"""What stale-while-revalidate can be told to do. Time goes on by a minute and a second for those who read late."""

import time
from types import ModuleType
from typing import Any

from tests.faults.patterns.stampede.books import Books


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    load, gone = Books(database), [0]
    books = program.Bestsellers(program.connect(url), load, lambda: time.time() + gone[0])

    def read(category: str) -> str:
        return ", ".join(books.get(category))

    def read_late(category: str) -> str:
        gone[0] = program.FRESH + 1
        return read(category)

    def counts() -> dict[str, int]:
        if books.refreshing:
            books.refreshing.result()  # the refresh goes on after the answer
        return {**books.stats, "database reads": load.reads}

    return {"read": read, "read late": read_late, "counts": counts}
