"""What the page on structures claims of hashes."""

import json
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return example.connect(redis_url)  # type: ignore[no-any-return]


def test_one_field_changes_and_the_others_stay(example: ModuleType, cache: redis.Redis) -> None:
    example.save(cache, example.Profile("1", "Ada", "ada@example.com"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: example.visit(cache, "1"), range(80)))
    assert example.load(cache, "1") == example.Profile("1", "Ada", "ada@example.com", 80)


def test_saving_leaves_no_field_of_before(example: ModuleType, cache: redis.Redis) -> None:
    cache.hset("user:1", mapping={"id": "1", "phone": "0123"})
    example.save(cache, example.Profile("1", "Ada", "ada@example.com"))
    assert set(cache.hgetall("user:1")) == {"id", "name", "email", "visits"}


def test_saving_the_whole_overwrites_what_was_counted_meanwhile(example: ModuleType, cache: redis.Redis) -> None:
    example.save(cache, example.Profile("1", "Ada", "ada@example.com"))
    loaded = example.load(cache, "1")
    example.visit(cache, "1")
    cache.hset("user:1", "phone", "0123")  # a field of a newer release
    example.save(cache, loaded)
    assert example.load(cache, "1") == loaded  # no visit
    assert not cache.hexists("user:1", "phone")


def test_a_profile_of_another_release_loads(example: ModuleType, cache: redis.Redis) -> None:
    cache.hset("user:1", mapping={"id": "1", "name": "Ada", "email": "a@b.c", "visits": "7", "phone": "0123"})
    assert example.load(cache, "1") == example.Profile("1", "Ada", "a@b.c", 7)
    cache.hset("user:2", mapping={"id": "2", "name": "Grace"})
    assert example.load(cache, "2") == example.Profile("2", "Grace", "", 0)


def test_hset_keeps_the_fields_that_it_does_not_name(cache: redis.Redis) -> None:
    cache.hset("user:1", mapping={"id": "1", "phone": "0123"})
    cache.hset("user:1", mapping={"id": "1", "name": "Ada"})
    assert cache.hget("user:1", "phone") == "0123"


def test_a_missing_hash_is_nobody(example: ModuleType, cache: redis.Redis) -> None:
    assert cache.hgetall("user:9") == {}
    assert example.load(cache, "9") is None
    example.visit(cache, "9")  # creates a hash that holds a counter and nobody's name
    assert example.load(cache, "9") is None


def test_every_hash_value_is_text(example: ModuleType, cache: redis.Redis) -> None:
    example.save(cache, example.Profile("1", "Ada", "ada@example.com", 3))
    assert cache.hget("user:1", "visits") == "3"


def memory(cache: redis.Redis, *keys: str) -> int:
    return sum(cache.memory_usage(key) or 0 for key in keys)


def test_a_small_hash_takes_less_than_a_key_for_each_field(cache: redis.Redis) -> None:
    fields: Any = {"name": "Ada", "email": "ada@example.com", "phone": "0123", "city": "London"}
    cache.hset("user:1", mapping=fields)
    apart: Any = {f"user:1:{name}": value for name, value in fields.items()}
    cache.mset(apart)
    assert memory(cache, "user:1") < memory(cache, *apart)


def test_one_long_field_makes_a_hash_larger_than_its_json(cache: redis.Redis) -> None:
    fields: Any = {"name": "Ada", "email": "ada@example.com", "phone": "0123"}
    for about, larger, encoding in (("x" * 64, False, "listpack"), ("x" * 65, True, "hashtable")):
        cache.delete("user:1")
        cache.hset("user:1", mapping={**fields, "about": about})
        cache.set("cache:user:1", json.dumps({**fields, "about": about}))
        assert cache.object("encoding", "user:1") == encoding
        assert (memory(cache, "user:1") > memory(cache, "cache:user:1")) is larger


def test_hset_clears_the_ttl_of_a_field(cache: redis.Redis) -> None:
    cache.hset("user:1", mapping={"name": "Ada", "visits": 1})
    cache.hexpire("user:1", 3600, "visits")
    cache.hincrby("user:1", "visits", 1)
    assert cache.httl("user:1", "visits")[0] > 3500  # this keeps it
    cache.hset("user:1", "visits", 3)
    assert cache.httl("user:1", "visits") == [-1]


def test_visit_refused_by_a_replica_leaves_the_connection(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    before = cache.client_id()
    cache.replicaof("127.0.0.1", "1")
    with pytest.raises(redis.ReadOnlyError):
        example.visit(cache, "1")
    assert cache.client_id() != before
