"""What the page on structures claims of sets."""

from types import ModuleType

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return example.connect(redis_url)  # type: ignore[no-any-return]


def test_a_member_is_in_a_set_once(example: ModuleType, cache: redis.Redis) -> None:
    assert cache.sadd(example.tags_key("7"), "redis", "redis") == 1
    assert cache.sadd(example.tags_key("7"), "redis") == 0
    assert cache.scard(example.tags_key("7")) == 1


def test_a_set_returns_no_order(cache: redis.Redis) -> None:
    words = [f"word {number}" for number in range(300)]
    for word in words:
        cache.sadd("article:7:tags", word)
    found = [*cache.sscan_iter("article:7:tags", count=1000)]
    assert sorted(found) == sorted(words)
    assert found not in (words, words[::-1], sorted(words))


def test_shared_tags_are_those_of_all(example: ModuleType, cache: redis.Redis) -> None:
    hostile = {"*", "a b\n", "ключ", "x" * 10_000, "redis"}
    example.tag(cache, "7", hostile | {"azure"})
    example.tag(cache, "8", hostile | {"python"})
    assert example.shared(cache, "7", "8") == sorted(hostile)
    assert example.shared(cache, "7", "8", "9") == []  # no tags, no such key


def test_tags_are_replaced_even_by_none(example: ModuleType, cache: redis.Redis) -> None:
    example.tag(cache, "7", {"redis", "azure"})
    example.tag(cache, "7", {"redis", "python"})
    assert cache.smembers(example.tags_key("7")) == {"redis", "python"}
    assert example.has(cache, "7", "python") and not example.has(cache, "7", "azure")
    example.tag(cache, "7", set())
    assert not cache.exists(example.tags_key("7"))


def test_tags_refused_by_a_replica_leave_the_connection(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    before = cache.client_id()
    cache.replicaof("127.0.0.1", "1")
    with pytest.raises(redis.ReadOnlyError):
        example.tag(cache, "7", {"redis"})
    assert cache.client_id() != before
