"""What the counter with a maximum can be told to do."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    client = program.connect(url)
    counters = {name: program.counter(client, name) for name in ("tickets", "others")}

    def take(maximum: str, name: str = "tickets") -> str:
        return "refused" if counters[name](int(maximum), 60) is None else "counted"

    return {"take": take, "take from another": lambda maximum: take(maximum, "others"), "counts": dict}
