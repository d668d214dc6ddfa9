"""What a feed can be told to do."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    feed = program.Feed(program.connect(url))

    def latest(user_id: str) -> str | None:
        return next(iter(feed.latest(user_id, 1)), None)

    def add_and_read(user_id: str, event: str) -> str | None:
        feed.add(user_id, event)
        return latest(user_id)

    return {"add": feed.add, "latest": latest, "add and read": add_and_read, "counts": lambda: dict(feed.stats)}
