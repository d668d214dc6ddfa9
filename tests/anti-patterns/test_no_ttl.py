"""What a copy without a TTL does, and that one command cannot leave one."""

import contextlib
import random
from types import ModuleType

import pytest
import redis

from harness.cut import every_crash


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


def held(cache: redis.Redis) -> int:
    """Return how many keys there are, on all primaries of a cluster too."""
    return len(list(cache.scan_iter()))


def ttls_after_every_crash(example: ModuleType, redis_url: str, how: str) -> set[int]:
    """What TTL answers, rounded to hours, after the process was cut off at each byte that it sends."""
    cache, found = redis.Redis.from_url(redis_url), set()
    for _ in every_crash(
        redis_url, lambda url: getattr(example, how)(redis.Redis.from_url(url), "cache:user:1", "Ada"), lambda _: None
    ):
        ttl = cache.ttl("cache:user:1")
        found.add(ttl if ttl < 0 else round(ttl / 3600))
    return found


def test_crash_between_set_and_expire_leaves_a_copy_without_ttl(example: ModuleType, redis_url: str) -> None:
    assert ttls_after_every_crash(example, redis_url, "remember") == {-2, -1, 1}  # no key, no TTL, an hour


def test_set_with_ex_leaves_no_copy_without_ttl(example: ModuleType, redis_url: str) -> None:
    assert ttls_after_every_crash(example, redis_url, "remember_for") == {-2, 1}


def test_a_lost_delete_leaves_a_user_stale_for_3960_seconds_at_most(
    example: ModuleType, cache: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most, expected in ((False, 3240), (True, 3960)):
        monkeypatch.setattr(random, "uniform", lambda low, high, most=most: high if most else low)
        example.remember_for(cache, example.KEYS[0], "Ada")
        assert expected - 1 <= cache.ttl(example.KEYS[0]) <= expected


def test_a_copy_without_ttl_is_served_for_ever(example: ModuleType, cache: redis.Redis, redis_url: str) -> None:
    """The source has changed, the delete was lost; a copy with a TTL ends all the same."""
    with contextlib.suppress(SystemExit):
        example.remember(example.DiesBeforeExpire.from_url(redis_url), example.KEYS[0], "Ada")
    example.remember(cache, example.KEYS[1], "Ada")
    example.remember_for(cache, example.KEYS[2], "Ada")
    assert example.left_in_two_hours(cache) == 1
    assert cache.get(example.KEYS[0]) == "Ada"


def test_each_crash_leaves_one_more(example: ModuleType, cache: redis.Redis, redis_url: str) -> None:
    example.write(redis_url, example.remember)
    assert example.left_in_two_hours(cache) == held(cache) == 100
    cache.flushdb()
    example.write(redis_url, example.remember_for)
    assert held(cache) == 1000
    assert example.left_in_two_hours(cache) == held(cache) == 0
