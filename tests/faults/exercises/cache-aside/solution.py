"""What the solution of the exercise on cache-aside can be told to do."""

import sqlite3
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    products = program.Products(program.connect(url), db)

    def read(product_id: str) -> str | None:
        product = products.get(product_id)
        return product and str(product["name"])

    def write(product_id: str, name: str) -> None:
        products.save({"id": product_id, "name": name, "price": 900})

    def write_and_read(product_id: str, name: str) -> str | None:
        write(product_id, name)
        return read(product_id)

    return {
        "read": read,
        "write": write,
        "write and read": write_and_read,
        "counts": lambda: {**products.stats, "database reads": products.database_reads},
    }
