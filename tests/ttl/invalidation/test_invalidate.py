"""What the invalidation page claims of keys that are known by name."""

import time
from types import ModuleType

import pytest
import redis

from harness.servers import Server


def three_users(example: ModuleType, url: str) -> redis.Redis:
    cache: redis.Redis = example.connect(url)
    for user_id in ("1234", "12345", "77"):
        cache.set(f"cache:user:{user_id}", "{}", ex=3600)
        cache.set(f"cache:cart:{user_id}", "[]", ex=3600)
        cache.zadd(f"user:{user_id}:sessions", {"abc": 1})
        cache.rpush(f"user:{user_id}:activity", "Logged in")
    return cache


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return three_users(example, redis_url)


def test_removes_user_key_keeps_sessions_and_neighbours(example: ModuleType, cache: redis.Redis) -> None:
    before = set(cache.scan_iter())
    assert example.Cached(cache).invalidate("1234") is True
    assert before - set(cache.scan_iter()) == {"cache:user:1234", "cache:cart:1234"}


def test_glob_in_id_is_harmless(example: ModuleType, cache: redis.Redis) -> None:
    before = set(cache.scan_iter())
    for hostile in ("*", "12*", "1234?", "[0-9]*", "", "'\"", "ключ\n", "x" * 10_000):
        assert example.Cached(cache).invalidate(hostile) is True
    assert set(cache.scan_iter()) == before


def test_invalidation_costs_one_command_however_many_keys_there_are(example: ModuleType, own_server: Server) -> None:
    cache = three_users(example, own_server.url)
    cache.mset({f"other:{number}": "x" for number in range(10_000)})
    example.Cached(cache).invalidate("1234")
    stats = cache.info("commandstats")
    assert stats["cmdstat_unlink"]["calls"] == 1
    assert "cmdstat_scan" not in stats and "cmdstat_keys" not in stats


def test_invalidation_with_redis_down_says_so_and_a_wrong_password_is_logged(
    example: ModuleType, own_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The row is committed: nothing is raised any more."""
    cached = example.Cached(example.connect(own_server.url))
    cached.cache.config_set("requirepass", "changed")
    cached.cache.connection_pool.disconnect()
    assert cached.invalidate("1234") is False
    assert "a mistake that no outage excuses" in caplog.text
    own_server.kill()
    started = time.monotonic()
    assert cached.invalidate("1234") is False
    assert time.monotonic() - started < 3
    assert cached.stats == {"mistakes": 1, "cache errors": 1}


def test_in_a_cluster_the_cluster_client_splits_the_unlink(
    example: ModuleType, one_node_cluster: Server, caplog: pytest.LogCaptureFixture
) -> None:
    assert example.Cached(example.connect(one_node_cluster.url)).invalidate("1234") is False
    assert "ClusterCrossSlotError" in caplog.text
    with redis.RedisCluster.from_url(one_node_cluster.url) as cluster:
        for key in example.cached_keys("1234"):
            cluster.set(key, "x")
        assert example.Cached(cluster).invalidate("1234") is True
        assert cluster.dbsize() == 0
