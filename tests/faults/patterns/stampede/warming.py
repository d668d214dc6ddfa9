"""What the script that warms a cache can be told to do."""

import random
import sqlite3
from types import ModuleType
from typing import Any

import redis


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db = sqlite3.connect(database, check_same_thread=False)
    cache = redis.Redis.from_url(url, decode_responses=True, socket_timeout=0.5)

    def warm() -> str:
        return str(program.warm(cache, db, random.Random(1)))

    def store(category: str) -> None:
        cache.set(program.cache_key(category), '["by a reader"]', ex=3600)

    def warmed(category: str) -> Any:
        warm()
        return cache.get(program.cache_key(category))

    return {"store": store, "warm": warm, "warmed": warmed, "counts": dict}
