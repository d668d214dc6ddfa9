"""What pipelines can be told to do."""

from types import ModuleType
from typing import Any

KEYS = ["demo:1", "demo:2", "demo:3"]


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    client = program.connect(url)

    def read() -> str:
        return " ".join(value or "-" for value in program.get_many(client, KEYS).values())

    def write(value: str) -> str:
        return f"failed {len(program.set_many(client, dict.fromkeys(KEYS, value), 60))}"

    def write_and_read(value: str) -> str:
        write(value)
        return read()

    return {"read": read, "write": write, "write and read": write_and_read, "counts": dict}
