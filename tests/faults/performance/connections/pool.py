"""What the pool can be told to do."""

from types import ModuleType
from typing import Any

from tests.faults.performance.again import again


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    client = program.connect(url)

    def read() -> Any:
        return client.get("demo:greeting:1")

    def write(value: str) -> None:
        client.set("demo:greeting:1", value, ex=60)

    return {"read": read, "write": write, "again": again(write, read), "counts": dict}
