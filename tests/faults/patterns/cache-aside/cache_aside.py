"""What cache-aside can be told to do."""

import sqlite3
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    users = program.Users(program.connect(url), db)

    def read(user_id: str) -> str | None:
        user = users.get(user_id)
        return user and str(user.name)

    def write(user_id: str, name: str) -> None:
        users.save(program.User(user_id, name, "ada@example.com"))

    return {"read": read, "write": write, "counts": lambda: dict(users.stats)}
