"""What listings with a generation in their keys can be told to do."""

import sqlite3
from collections import Counter
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    loads = Counter[str]()

    def load(category: str, page: int) -> list[str]:
        loads["database reads"] += 1
        rows = db.execute("SELECT title FROM books WHERE category = ?", (category,)).fetchall()
        return [title for (title,) in rows]

    listings = program.Listings(program.connect(url), load)

    def read(category: str) -> str:
        return ",".join(listings.get(category, 1))

    def change_and_read(category: str, title: str) -> str:
        read(category)
        with db:
            db.execute("INSERT INTO books VALUES (?, ?)", (category, title))
        listings.invalidate(category)
        return read(category)

    return {
        "read": read,
        "write": lambda category: "done" if listings.invalidate(category) else "lost",
        "change and read": change_and_read,
        "counts": lambda: {**listings.stats, **loads},
    }
