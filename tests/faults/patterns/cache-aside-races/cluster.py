"""What cache-aside on a cluster can be told to do."""

import sqlite3
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    users = program.Users(program.connect(url), sqlite3.connect(database, check_same_thread=False))

    def read(user_id: str) -> str | None:
        user = users.get(user_id)
        return user and str(user.name)

    return {"read": read, "counts": lambda: dict(users.stats)}
