"""That the refresh-ahead of the outline fails as the page says."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
import redis

KEY = "cache:report:2026-10"


class Started:
    """A refresh that only counts how often it was started, and can be waited for."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.called = threading.Semaphore(0)

    def __call__(self, key: str) -> None:
        self.keys.append(key)
        self.called.release()

    def wait_for(self, count: int) -> int:
        for _ in range(count):
            assert self.called.acquire(timeout=10)
        return len(self.keys)


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


def test_naive_miss_returns_none_and_starts_a_refresh(example: ModuleType, cache: redis.Redis) -> None:
    started = Started()
    assert example.get_with_refresh(cache, KEY, started) is None
    assert started.wait_for(1) == 1


def test_naive_refreshes_a_key_that_never_expires_at_every_read(example: ModuleType, cache: redis.Redis) -> None:
    started = Started()
    cache.set(KEY, "a report")
    for _ in range(3):
        assert example.get_with_refresh(cache, KEY, started) == "a report"
    assert started.wait_for(3) == 3


def test_naive_fifty_readers_start_fifty_refreshes(example: ModuleType, cache: redis.Redis) -> None:
    started, together = Started(), threading.Barrier(50)
    cache.set(KEY, "a report", ex=600)

    def read(_: int) -> Any:
        together.wait(10)
        return example.get_with_refresh(cache, KEY, started)

    with ThreadPoolExecutor(50) as readers:
        assert list(readers.map(read, range(50))) == ["a report"] * 50
    assert started.wait_for(50) == 50


def test_naive_value_and_ttl_are_of_two_moments(example: ModuleType, cache: redis.Redis) -> None:
    """The key goes between GET and TTL: its value is returned with the TTL of a key that does not exist."""
    started = Started()
    cache.set(KEY, "a report", ex=3600)
    get = cache.get

    def get_and_be_overtaken(key: str) -> Any:
        value = get(key)
        cache.delete(key)
        return value

    cache.get = get_and_be_overtaken  # type: ignore[method-assign, assignment]
    assert example.get_with_refresh(cache, KEY, started) == "a report"
    assert started.wait_for(1) == 1  # for a TTL of -2
