"""What versioned cache-aside can be told to do."""

import sqlite3
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    products = program.Products(program.connect(url), db)

    def read(product_id: str) -> str | None:
        product = products.get(product_id)
        return product and str(product.name)

    def write(product_id: str, name: str) -> None:
        products.save(program.Product(product_id, name, 450))

    return {"read": read, "write": write, "counts": lambda: dict(products.stats)}
