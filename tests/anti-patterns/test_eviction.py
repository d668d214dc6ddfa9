"""What a full Redis does under each policy."""

from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def cache(own_server: Server) -> redis.Redis:
    return redis.Redis.from_url(own_server.url, decode_responses=True)


def empty(cache: Any) -> None:
    cache.execute_command("FLUSHDB", "SYNC")  # Valkey would give the memory back a moment later


def test_volatile_lru_without_ttl_rejects_writes_but_serves_reads(example: ModuleType, cache: redis.Redis) -> None:
    outcome = example.fill(cache, "volatile-lru", ttl=None)
    assert outcome == (True, False, True)
    with pytest.raises(redis.OutOfMemoryError):
        cache.set("one:more", example.VALUE)
    assert cache.get(example.KEYS[0]) == example.VALUE


def test_every_volatile_policy_refuses_writes_when_no_key_has_a_ttl(example: ModuleType, cache: redis.Redis) -> None:
    policies = [policy for policy in example.POLICIES if policy.startswith("volatile-")]
    assert len(policies) == 4
    for policy in policies:
        assert example.fill(cache, policy, ttl=None) == (True, False, True), policy
        empty(cache)
        assert example.fill(cache, policy, ttl=3600) == (False, True, True), policy
        empty(cache)


def test_volatile_lru_evicts_what_has_a_ttl_and_spares_the_rest(example: ModuleType, cache: redis.Redis) -> None:
    kept = [f"kept:{number}" for number in range(20)]
    cache.mset(dict.fromkeys(kept, "no TTL"))
    assert example.fill(cache, "volatile-lru", ttl=3600) == (False, True, True)
    assert cache.exists(*kept) == len(kept)


def test_allkeys_policies_evict_whatever_there_is(example: ModuleType, cache: redis.Redis) -> None:
    for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random"):
        assert example.fill(cache, policy, ttl=None) == (False, True, True), policy
        empty(cache)


def test_noeviction_refuses_writes_with_and_without_ttl(example: ModuleType, cache: redis.Redis) -> None:
    for ttl in (None, 3600):
        assert example.fill(cache, "noeviction", ttl) == (True, False, True)
        empty(cache)


def test_reads_are_served_under_every_policy(example: ModuleType, cache: redis.Redis) -> None:
    for policy in example.POLICIES:
        for ttl in (None, 3600):
            outcome = example.fill(cache, policy, ttl)
            assert outcome.refused != outcome.evicted  # it is full
            assert outcome.reads_served, policy
            empty(cache)


def test_redis_by_default_has_no_limit_and_evicts_nothing(cache: redis.Redis) -> None:
    assert cache.config_get("maxmemory", "maxmemory-policy") == {"maxmemory": "0", "maxmemory-policy": "noeviction"}


def test_eviction_demo_restores_what_it_changed(
    example: ModuleType, cache: redis.Redis, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", own_server.url)
    cache.config_set("maxmemory", 50_000_000, "maxmemory-policy", "allkeys-lfu")
    example.main()
    assert cache.config_get("maxmemory", "maxmemory-policy") == {
        "maxmemory": "50000000",
        "maxmemory-policy": "allkeys-lfu",
    }
    assert cache.dbsize() == 0
    cache.set("precious", "the only copy")
    with pytest.raises(SystemExit, match="not empty"):
        example.main()
    assert cache.get("precious") == "the only copy"
    monkeypatch.setenv("REDIS_URL", "redis://cache.example.com:6379")
    with pytest.raises(SystemExit, match="on this machine"):
        example.main()
