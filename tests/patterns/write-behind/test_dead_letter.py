"""What the write-behind page claims of the dead letter, in Python."""

from types import ModuleType
from typing import Any

import pytest
import redis

STREAM, DEAD, GROUP = "stream:carts", "stream:carts:dead", "writers"


@pytest.fixture
def cache(redis_url: str) -> Any:
    cache = redis.Redis.from_url(redis_url, decode_responses=True)
    cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    return cache


def deliver(cache: Any, times: int, idle: int = 60_001) -> None:
    """Let everything have been delivered so many times, and then be held by nobody for more than a minute."""
    [(_, entries)] = cache.xreadgroup(GROUP, "worker", {STREAM: ">"})
    ids = [entry for entry, _ in entries]
    cache.xclaim(STREAM, GROUP, "worker", 0, ids, idle=idle, retrycount=times, justid=True)


def test_poison_entry_goes_to_the_dead_letter(example: ModuleType, cache: Any) -> None:
    poison = cache.xadd(STREAM, {"id": "1", "data": "no JSON"})
    deliver(cache, example.MAX_DELIVERIES)
    assert example.bury(cache) == 1
    [(_, fields)] = cache.xrange(DEAD)
    assert fields == {"entry": poison, "id": "1", "data": "no JSON"}
    assert cache.xlen(STREAM) == 0
    assert cache.xpending(STREAM, GROUP)["pending"] == 0
    assert example.bury(cache) == 1  # a client that lost the reply and asks again hears of it
    cache.delete(DEAD)  # somebody has looked
    assert example.bury(cache) == 0


def test_an_entry_with_deliveries_left_is_not_buried(example: ModuleType, cache: Any) -> None:
    cache.xadd(STREAM, {"id": "1", "data": "{}"})
    deliver(cache, example.MAX_DELIVERIES - 1)
    assert example.bury(cache) == 0
    assert (cache.xlen(STREAM), cache.exists(DEAD)) == (1, 0)


def test_an_entry_that_a_worker_holds_is_not_buried(example: ModuleType, cache: Any) -> None:
    cache.xadd(STREAM, {"id": "1", "data": "{}"})
    deliver(cache, example.MAX_DELIVERIES + 3, idle=0)
    assert example.bury(cache) == 0  # a minute has not passed
    assert (cache.xlen(STREAM), cache.exists(DEAD)) == (1, 0)


def test_only_the_poison_is_buried(example: ModuleType, cache: Any) -> None:
    ids = [cache.xadd(STREAM, {"id": str(n), "data": "x" * 10_000, "ключ\n": "*"}) for n in range(20)]
    deliver(cache, example.MAX_DELIVERIES)
    cache.xack(STREAM, GROUP, *ids[::2])
    assert example.bury(cache) == 10
    assert [fields["entry"] for _, fields in cache.xrange(DEAD)] == ids[1::2]
    assert [entry for entry, _ in cache.xrange(STREAM)] == ids[::2]


def test_what_was_trimmed_away_is_not_pending_for_ever(example: ModuleType, cache: Any) -> None:
    cache.xadd(STREAM, {"id": "1", "data": "{}"})
    deliver(cache, example.MAX_DELIVERIES)
    cache.xtrim(STREAM, maxlen=0, approximate=False)
    assert example.bury(cache) == 0
    assert cache.xpending(STREAM, GROUP)["pending"] == 0


def test_without_a_group_there_is_nothing_to_bury(example: ModuleType, redis_url: str) -> None:
    cache = example.connect(redis_url)
    assert example.bury(cache) == 0  # as after a flush
    cache.xadd(STREAM, {"id": "1", "data": "{}"})
    assert example.bury(cache) == 0
    cache.set(DEAD, "no stream")
    cache.delete(STREAM)
    cache.set(STREAM, "no stream")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        example.bury(cache)
