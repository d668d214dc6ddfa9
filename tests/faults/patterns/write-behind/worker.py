"""What the worker of write-behind can be told to do. Its own loop has no end, so it is told to take single turns."""

import sqlite3
from types import ModuleType
from typing import Any

import redis

STREAM = "stream:carts"


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    writer = program.Writer(program.connect(url), db)

    def add(cart_id: str, data: str) -> None:
        with redis.Redis.from_url(url) as cache:
            cache.xadd(STREAM, {"id": cart_id, "data": data})

    def ready() -> None:
        """Take turns before there is anything, so that it is connected and has made its group."""
        writer.turn()
        writer.turn()
        add("1", '{"pen":1}')

    def turn() -> None:
        writer.turn()

    def carry(cart_id: str, data: str) -> str | None:
        """Add an entry, and take turns until its row is there."""
        add(cart_id, data)
        for _ in range(50):
            writer.turn()
            if row := db.execute("SELECT data FROM carts WHERE id = ?", (cart_id,)).fetchone():
                return str(row[0])
        return None

    return {"ready": ready, "turn": turn, "carry": carry, "counts": lambda: dict(writer.stats)}
