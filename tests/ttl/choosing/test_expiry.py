"""What the page on choosing a TTL claims of the Python calls."""

import warnings
from types import ModuleType

import pytest
import redis


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


@pytest.fixture
def steps(example: ModuleType, cache: redis.Redis) -> dict[str, str]:
    """What remains after each call."""
    return {call: example.remaining(cache, "k") for call in example.walk_through(cache, "k")}


def test_past_expireat_deletes(example: ModuleType, cache: redis.Redis, steps: dict[str, str]) -> None:
    assert steps["persist"] == "never expires"  # the key was there until the call
    assert steps["expireat in the past"] == "no such key"
    assert cache.persist("k") is False
    assert cache.get("k") is None


def test_expireat_now_plus_3600_expires_in_an_hour(steps: dict[str, str]) -> None:
    assert steps["expireat now + 3600"] == "60 min"


def test_set_clears_ttl_keepttl_keeps(cache: redis.Redis, steps: dict[str, str]) -> None:
    assert steps["set, keepttl"] == "60 min"
    assert steps["set"] == "never expires"


def test_expire_replaces_what_was_left(steps: dict[str, str]) -> None:
    assert (steps["set, ex=3600"], steps["expire 7200"]) == ("60 min", "120 min")


def test_setex_warns_and_set_with_ex_does_not(cache: redis.Redis) -> None:
    with pytest.warns(DeprecationWarning, match="Use 'set' instead"):
        cache.setex("k", 3600, "v")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.set("k", "v", ex=3600)


def test_a_hunt_for_expired_keys_by_minus_one_deletes_those_that_never_expire(cache: redis.Redis) -> None:
    cache.set("expired", "v", px=1)
    cache.set("expires", "v", ex=60)
    cache.set("never expires", "v")
    while cache.exists("expired"):
        pass
    for key in cache.scan_iter():
        if cache.ttl(key) == -1:
            cache.delete(key)
    assert list(cache.scan_iter()) == ["expires"]
