"""A shop whose other callers the tests play, for the starter and for the solution."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import redis


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    """A client of an empty Redis."""
    return redis.Redis.from_url(redis_url, decode_responses=True)


@pytest.fixture
def overtake(cache: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function: another caller stores its list just before the next one asks for the lock."""

    def arrange() -> None:
        ask = cache.set

        def late(key: str, *arguments: Any, **options: Any) -> Any:
            if key.startswith("lock:"):
                ask("cache:toplist:books", "theirs", ex=60)
            return ask(key, *arguments, **options)

        monkeypatch.setattr(cache, "set", late)

    return arrange


@pytest.fixture
def lose_lock(cache: redis.Redis) -> Callable[[str], str]:
    """A query that outlasts its caller's lock: meanwhile another caller takes it."""

    def query(category: str) -> str:
        cache.set(f"lock:toplist:{category}", "theirs", px=10_000)
        return "ours"

    return query


@pytest.fixture
def shop(example: ModuleType, cache: redis.Redis) -> Any:
    """The bestsellers of the example, with a query that takes no time."""
    return example.Bestsellers(cache, lambda category: "ours")
