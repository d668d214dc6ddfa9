"""What the page on structures claims of lists."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
import redis

from harness.cut import every_crash


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return example.connect(redis_url)  # type: ignore[no-any-return]


def test_feed_never_exceeds_n(example: ModuleType, cache: redis.Redis, redis_url: str) -> None:
    """Neither for a reader who looks at any time, nor after a crash at any byte."""
    done, seen = threading.Event(), []

    def look() -> None:
        watcher = example.connect(redis_url)
        while not done.is_set():
            seen.append(watcher.llen(example.feed_key("1")))

    watch = threading.Thread(target=look)
    watch.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: example.add(cache, "1", f"event {number}"), range(400)))
    done.set()
    watch.join()
    assert max(seen) == cache.llen(example.feed_key("1")) == example.LENGTH

    def fill(url: str) -> None:
        for number in range(example.LENGTH):
            example.add(cache, "1", f"event {number}")

    for _ in every_crash(redis_url, lambda url: example.add(example.connect(url), "1", "one more"), fill):
        assert cache.llen(example.feed_key("1")) == example.LENGTH


def test_latest_event_comes_first(example: ModuleType, cache: redis.Redis) -> None:
    for number in range(1, 10):
        example.add(cache, "1", f"event {number}")
    assert example.latest(cache, "1", 2) == ["event 9", "event 8"]
    assert example.latest(cache, "1", 100) == [f"event {number}" for number in range(9, 4, -1)]
    assert example.latest(cache, "1", 0) == []


def test_feed_of_an_idle_user_expires(example: ModuleType, cache: redis.Redis) -> None:
    example.add(cache, "1", "signed in")
    assert 0 < cache.ttl(example.feed_key("1")) <= example.TTL
