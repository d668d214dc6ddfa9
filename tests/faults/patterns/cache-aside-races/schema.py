"""What the newer of two releases can be told to do."""

import sqlite3
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    users = program.Users(program.connect(url), db, program.NEW)

    def read(user_id: str) -> str | None:
        user = users.get(user_id)
        return user and str(user["name"])

    return {"read": read, "write": users.rename, "counts": lambda: dict(users.stats)}
