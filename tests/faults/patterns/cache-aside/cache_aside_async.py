"""What cache-aside with asyncio can be told to do, from threads: all tasks run on one loop, as in a server."""

import asyncio
import sqlite3
import threading
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    db = sqlite3.connect(database, check_same_thread=False)

    async def make() -> Any:
        return program.Users(program.connect(url), db)

    def done(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    users = done(make())

    def read(user_id: str) -> str | None:
        user = done(users.get(user_id))
        return user and str(user.name)

    def write(user_id: str, name: str) -> None:
        done(users.save(program.User(user_id, name, "ada@example.com")))

    return {"read": read, "write": write, "counts": lambda: dict(users.stats)}
