"""What the accepting side of write-behind can be told to do."""

import json
import sqlite3
from types import ModuleType
from typing import Any
from uuid import uuid4


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    carts = program.Carts(program.connect(url), db)

    def read(cart_id: str) -> str:
        return json.dumps(carts.get(cart_id), separators=(",", ":"))

    def write(cart_id: str, pens: str) -> None:
        carts.save(cart_id, {"pen": int(pens)}, str(uuid4()))

    def write_and_read(cart_id: str, pens: str) -> str:
        write(cart_id, pens)
        return read(cart_id)

    def depth() -> str:
        return str(carts.depth()["entries"])

    return {
        "read": read, "write": write, "write and read": write_and_read, "depth": depth,
        "counts": lambda: dict(carts.stats),
    }  # fmt: skip
