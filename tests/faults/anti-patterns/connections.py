"""What the shared client of the anti-patterns can be told to do."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)

    def count(name: str) -> None:
        program.count_view(cache, name)

    def count_and_read(name: str) -> str | None:
        count(name)
        found: str | None = cache.get(f"counter:{name}")
        return found

    return {"count": count, "count and read": count_and_read, "counts": dict}
