"""What a colon is not, and what a long key costs."""

from typing import Any

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


def test_any_bytes_are_a_key(client: redis.Redis) -> None:
    keys = ("user:1", "User:1", "user_1", "USER 1", "{", "\n\x00", "", "k" * 10_000)
    for number, key in enumerate(keys):
        client.set(key, number)
    assert client.mget(keys) == [str(number) for number in range(len(keys))]


def test_deleting_a_key_leaves_those_that_begin_with_it(client: redis.Redis) -> None:
    client.mset({"user:1": "a", "user:1:activity": "b", "user:10": "c"})
    client.delete("user:1")
    assert sorted(client.scan_iter()) == ["user:10", "user:1:activity"]


def test_a_pattern_with_colon_star_misses_the_key_itself(client: redis.Redis) -> None:
    client.mset({"user:1": "a", "user:1:activity": "b", "user:10": "c"})
    assert list(client.scan_iter("user:1:*")) == ["user:1:activity"]
    assert sorted(client.scan_iter("user:1*")) == ["user:1", "user:10", "user:1:activity"]  # a neighbour too


def test_a_match_walks_every_key(client: redis.Redis) -> None:
    client.mset({f"product:{number}": "x" for number in range(1000)})
    calls, cursor, found = 0, 0, list[Any]()
    while calls == 0 or cursor:
        cursor, keys = client.scan(cursor, match="user:1:*", count=10)
        calls, found = calls + 1, found + keys
    assert found == [] and calls >= 50


def test_a_longer_key_takes_more_memory(client: redis.Redis) -> None:
    client.set("demo:seen", "1")
    client.set("demo:" + "seen-" * 12, "1")
    short, long = client.memory_usage("demo:seen"), client.memory_usage("demo:" + "seen-" * 12)
    assert short and long and long > short + 40


def test_keys_show_in_the_slow_log(own_server: Server) -> None:
    client: Any = redis.Redis.from_url(own_server.url, decode_responses=True)
    client.config_set("slowlog-log-slower-than", 0)  # as if every command were slow
    client.get("user:ada@example.com")
    assert any("ada@example.com" in str(entry) for entry in client.slowlog_get())
