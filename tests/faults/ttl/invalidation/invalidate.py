"""What the invalidation by name can be told to do."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)
    cached = program.Cached(cache)

    def store_and_invalidate(user_id: str) -> str:
        cache.set(f"cache:user:{user_id}", "{}")
        cached.invalidate(user_id)
        return "still there" if cache.exists(f"cache:user:{user_id}") else "gone"

    return {
        "invalidate": lambda user_id: "done" if cached.invalidate(user_id) else "lost",
        "store and invalidate": store_and_invalidate,
        "counts": lambda: dict(cached.stats),
    }
