"""What the catalog can be told to do."""

from datetime import date
from types import ModuleType
from typing import Any

DAY = date(2026, 11, 24)


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)
    popular = program.Popular(cache)

    def write(product_id: str, category: str) -> None:
        program.save(cache, program.Product(product_id, "Phone", 59_999, category))

    def find(category: str) -> str | None:
        return ",".join(program.find(cache, f"category:{category}")) or None

    def viewed(product_id: str) -> None:
        popular.viewed(product_id, DAY)

    def stock(product_id: str, category: str) -> None:
        write(product_id, category)
        viewed(product_id)

    def save_and_find(product_id: str, category: str) -> str | None:
        write(product_id, category)
        return find(category)

    return {
        "write": write,
        "find": find,
        "viewed": viewed,
        "popular": lambda: ",".join(popular.popular(DAY, 10)) or None,
        "stock": stock,
        "save and find": save_and_find,
        "counts": lambda: dict(popular.stats),
    }
