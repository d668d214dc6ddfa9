"""What the solution of the exercise on versioned writes can be told to do."""

import sqlite3
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    products = program.Products(program.connect(url), db)

    def write(product_id: str, price: str) -> str | None:
        product = products.update(product_id, price=int(price))
        return product and str(product["price"])

    def delete(product_id: str) -> None:
        products.delete(product_id)

    return {"write": write, "delete": delete, "counts": lambda: {"cache errors": products.cache_errors}}
