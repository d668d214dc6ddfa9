"""What read-through can be told to do; who writes tells it afterwards."""

import sqlite3
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    carts = program.make_carts(program.connect(url), db)

    def write(cart_id: str, quantity: str) -> None:
        with db:
            db.execute("UPDATE cart_items SET quantity = ? WHERE cart_id = ?", (int(quantity), cart_id))
        carts.forget(cart_id)

    return {
        "read": lambda cart_id: program.describe(carts, cart_id),
        "write": write,
        "counts": lambda: dict(carts.stats),
    }
