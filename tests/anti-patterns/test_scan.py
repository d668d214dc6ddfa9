"""What the page says of KEYS and SCAN."""

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


class Shrinking:
    """A client whose server loses most of its keys, and so shrinks its table, in the middle of a scan."""

    def __init__(self, cache: redis.Redis, doomed: list[str]) -> None:
        self.cache, self.doomed, self.pages = cache, doomed, 0
        self.returned: list[Any] = []

    def scan(self, cursor: int, **options: Any) -> tuple[int, list[Any]]:
        if self.pages == 150:
            self.cache.delete(*self.doomed)
        self.pages += 1
        cursor, page = self.cache.scan(cursor, **options)
        self.returned += page
        return cursor, page

    def pipeline(self, **options: Any) -> Any:
        return self.cache.pipeline(**options)


def test_duplicates_are_harmless(example: ModuleType, cache: redis.Redis) -> None:
    """Which keys come twice hangs on their names and the server's seed, so try other names until some do."""
    for attempt in range(200):  # one in seven shows it
        doomed = [f"doomed:{attempt}:{number}" for number in range(4000)]
        kept = [f"kept:{attempt}:{number}" for number in range(300)]
        cache.flushdb()
        cache.mset(dict.fromkeys(doomed + kept, "x"))
        shrinking = Shrinking(cache, doomed)
        assert example.expire_by_scan(shrinking, "kept:*", 3600, count=10) == len(kept)
        assert set(shrinking.returned) == set(kept)
        if len(shrinking.returned) > len(kept):
            return
    pytest.fail("no scan returned a key twice; this test has not seen what it is for")


def test_an_empty_page_is_not_the_end(example: ModuleType, cache: redis.Redis) -> None:
    names = example.fill(cache)
    for name in names[::10_000]:
        lengths, found = example.walk(cache, name)
        assert found == [name] and lengths.count(0) > 1000
        assert example.expire_by_scan(cache, name, 3600, count=10) == 1


def test_count_is_no_limit(example: ModuleType, cache: redis.Redis) -> None:
    example.fill(cache)
    lengths, _ = example.walk(cache, "demo:listing:*")
    assert max(lengths) > 10


def test_a_scan_is_no_snapshot(example: ModuleType, cache: redis.Redis) -> None:
    names = example.fill(cache)
    _, found = example.walk(cache, "demo:*")
    late = [key for key in found if key.startswith("demo:late:")]
    assert set(names) <= set(found)  # what was there all the time is returned
    assert 0 < len(late) < 1000  # of what came on the way, it depends


def worst_wait(client: redis.Redis, work: Callable[[], object]) -> float:
    """Ping, one after the other, while another client works. Return the longest that an answer took, in seconds."""
    waits = []
    with ThreadPoolExecutor(1) as other:
        working = other.submit(work)
        while not working.done():
            before = time.perf_counter()
            client.ping()
            waits.append(time.perf_counter() - before)
        working.result()
    return max(waits, default=0)


def test_other_client_latency_bounded(own_server: Server) -> None:
    """A second client waits longer for one KEYS than for any page of a SCAN.

    No key fits, so no reply takes time. To see that takes long, so that KEYS outlasts what a busy machine adds.
    """
    walker, client = (redis.Redis.from_url(own_server.url) for _ in range(2))
    pattern = "*1*2*x"
    walker.eval("for i = 1, 400000 do redis.call('SET', 'demo:' .. i, 'x') end", 0)

    def scan() -> None:
        cursor = None
        while cursor != 0:
            cursor, _ = walker.scan(cursor or 0, pattern, 1000)

    best: dict[str, float] = {}
    for _ in range(5):  # the best of five: this machine may make a client wait as well
        for name, work in (("KEYS", lambda: walker.keys(pattern)), ("SCAN", scan)):
            best[name] = min(best.get(name, 60), worst_wait(client, work))
    assert best["SCAN"] < best["KEYS"]


def test_by_keys_and_by_scan_the_same_keys_get_a_ttl(example: ModuleType, cache: redis.Redis) -> None:
    by_scan = functools.partial(example.expire_by_scan, count=500)
    for expire in (example.expire_by_keys, by_scan):
        cache.flushdb()
        cache.mset({f"k:{number}": "x" for number in range(2000)})
        cache.set("k:mortal", "x", ex=60)
        cache.set("neighbour", "x")
        assert expire(cache, "k:*", 3600) == 2000
        assert all(3200 < cache.ttl(f"k:{number}") <= 3960 for number in range(2000))
        assert cache.ttl("k:mortal") <= 60
        assert cache.ttl("neighbour") == -1
