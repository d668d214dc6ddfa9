"""What the page on structures claims of lists."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
import redis

from harness.cut import every_crash
from harness.servers import Server


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return example.connect(redis_url)  # type: ignore[no-any-return]


def test_feed_never_exceeds_n(
    example: ModuleType, cache: redis.Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither for a reader who looks at any time, nor after a crash at any byte."""
    done, seen, feed = threading.Event(), [], example.Feed(cache)

    def look() -> None:
        watcher = example.connect(redis_url)
        while not done.is_set():
            seen.append(watcher.llen(example.feed_key("1")))

    watch = threading.Thread(target=look)
    watch.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: feed.add("1", f"event {number}"), range(400)))
    done.set()
    watch.join()
    assert max(seen) == cache.llen(example.feed_key("1")) == example.LENGTH

    def fill(url: str) -> None:
        for number in range(example.LENGTH):
            feed.add("1", f"event {number}")

    def one_more(url: str) -> None:
        dying = example.Feed(example.connect(url))
        dying.add("1", "one more")
        assert not dying.stats["mistakes"], caplog.text
        if dying.stats["cache errors"]:
            raise redis.ConnectionError("it did not come through")

    found = set()
    for _ in every_crash(redis_url, one_more, fill):
        found.add(feed.latest("1", 1)[0])
        assert cache.llen(example.feed_key("1")) == example.LENGTH
    assert found == {"event 4", "one more"}


def test_latest_event_comes_first(example: ModuleType, cache: redis.Redis) -> None:
    feed = example.Feed(cache)
    for number in range(1, 10):
        feed.add("1", f"event {number}")
    assert feed.latest("1", 2) == ["event 9", "event 8"]
    assert feed.latest("1", 100) == [f"event {number}" for number in range(9, 4, -1)]
    assert feed.latest("1", 0) == []


def test_feed_of_an_idle_user_expires(example: ModuleType, cache: redis.Redis) -> None:
    example.Feed(cache).add("1", "signed in")
    assert 0 < cache.ttl(example.feed_key("1")) <= example.TTL


def test_lost_event_fails_nobody_and_is_counted(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    feed = example.Feed(cache)
    cache.config_set("maxmemory", 1, "maxmemory-policy", "noeviction")
    feed.add("1", "signed in")
    assert feed.stats == {"refused writes": 1}
    own_server.kill()
    feed.add("1", "signed in")
    assert feed.latest("1", 10) == []
    assert feed.stats == {"refused writes": 1, "cache errors": 2}
