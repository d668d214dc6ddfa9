"""What the codec can be told to do, by a client for bytes."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    client = program.connect(url)

    def read() -> str | None:
        data = program.decode(client.get("cache:page:1"))
        return None if data is None else str(data.decode())

    def write_and_read(text: str) -> str | None:
        client.set("cache:page:1", program.encode(text.encode()), ex=60)
        return read()

    return {"read": read, "write and read": write_and_read, "counts": dict}
