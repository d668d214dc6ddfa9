"""That a lock without a second look lets two readers load."""

from types import ModuleType
from typing import Any

import redis


def test_lock_without_a_second_look_loads_twice(example: ModuleType, redis_url: str) -> None:
    cache, loads = redis.Redis.from_url(redis_url), []

    def load(category: str) -> Any:
        loads.append(category)
        return ["Dune"]

    def overtake() -> None:
        example.bestsellers(cache, load, "scifi", pause=lambda: None)
        assert cache.exists("cache:bestsellers:scifi") == 1
        assert cache.exists("lock:bestsellers:scifi") == 0

    example.bestsellers(cache, load, "scifi", pause=overtake)
    assert len(loads) == 2
