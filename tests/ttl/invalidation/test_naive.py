"""That the invalidation the page warns of does the harm that it names."""

from types import ModuleType

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    cache = redis.Redis.from_url(redis_url, decode_responses=True)
    example.store_users(cache)
    return cache


def test_naive_invalidation_misses_the_profile_itself(example: ModuleType, cache: redis.Redis) -> None:
    example.invalidate_user_cache(cache, "1234")
    assert cache.hget("user:1234", "name") == "Ada"


def test_naive_invalidation_deletes_sessions_and_activity(example: ModuleType, cache: redis.Redis) -> None:
    assert cache.exists("user:1234:sessions", "user:1234:activity") == 2
    example.invalidate_user_cache(cache, "1234")
    assert cache.exists("user:1234:sessions", "user:1234:activity") == 0


def test_naive_invalidation_of_a_star_hits_everybody(example: ModuleType, cache: redis.Redis) -> None:
    example.invalidate_user_cache(cache, "1234")
    assert cache.exists("user:77:sessions", "user:77:activity") == 2
    example.invalidate_user_cache(cache, "*")
    assert cache.exists("user:77:sessions", "user:77:activity") == 0


def test_naive_invalidation_walks_every_key(example: ModuleType, own_server: Server) -> None:
    cache = redis.Redis.from_url(own_server.url, decode_responses=True)
    example.store_users(cache)
    cache.mset({f"other:{number}": "x" for number in range(10_000)})
    example.invalidate_user_cache(cache, "1234")
    assert cache.info("commandstats")["cmdstat_scan"]["calls"] > 50
