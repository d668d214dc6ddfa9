"""What the accepting side of write-behind can be told to do."""

import json
import sqlite3
import time
from contextlib import suppress
from types import ModuleType
from typing import Any
from uuid import uuid4

import redis

TRIES, PAUSE = 20, 0.1  # seconds: a client may need a moment to connect again


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    carts = program.Carts(program.connect(url), db)

    def read(cart_id: str) -> str:
        return json.dumps(carts.get(cart_id), separators=(",", ":"))

    def write(cart_id: str, pens: str, request: str = "") -> None:
        carts.save(cart_id, {"pen": int(pens)}, request or str(uuid4()))

    def repeat_and_read(cart_id: str, pens: str) -> str:
        """Do as the page says: where a write fails, repeat it, the same request."""
        for _ in range(TRIES):
            with suppress(redis.RedisError):
                write(cart_id, pens, "of one caller")
                break
            time.sleep(PAUSE)
        return read(cart_id)

    def depth() -> str:
        return str(carts.depth()["entries"])

    return {
        "read": read, "write": write, "repeat and read": repeat_and_read, "depth": depth,
        "counts": lambda: dict(carts.stats),
    }  # fmt: skip
