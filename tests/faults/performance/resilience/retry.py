"""What retries can be told to do."""

from types import ModuleType
from typing import Any

from tests.faults.performance.again import again


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)

    def read() -> Any:
        return cache.get("demo:name")

    def write(name: str) -> None:
        cache.set("demo:name", name, ex=60)

    def count() -> str:
        cache.incr("counter:orders")
        return "counted"

    def count_once(request: str) -> str:
        program.count_once(cache, "orders", request)
        return "counted"

    found = {"read": read, "write": write, "count": count, "count once": count_once}
    return {**found, "again": again(write, read), "counts": dict}
