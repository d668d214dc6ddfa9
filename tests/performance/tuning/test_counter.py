"""What the tuning page claims of its Lua counter."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


def test_counter_never_exceeds_max_under_threads(example: ModuleType, client: redis.Redis) -> None:
    take, ready = example.counter(client, "tickets"), threading.Barrier(8)

    def many(_: int) -> list[int | None]:
        ready.wait(10)
        return [take(100, 60) for _ in range(50)]

    with ThreadPoolExecutor(8) as threads:
        taken = [number for numbers in threads.map(many, range(8)) for number in numbers]
    assert sorted(number for number in taken if number) == list(range(1, 101))
    assert taken.count(None) == 300
    assert client.get("counter:tickets") == "100"


def test_counter_has_a_ttl_from_its_first_count(example: ModuleType, client: redis.Redis) -> None:
    take = example.counter(client, "tickets")
    assert take(10, 60) == 1
    assert 58 <= client.ttl("counter:tickets") <= 60
    client.expire("counter:tickets", 30)
    assert take(10, 60) == 2
    assert client.ttl("counter:tickets") <= 30  # later counts do not prolong it


def test_counter_without_a_ttl_gets_one(example: ModuleType, client: redis.Redis) -> None:
    client.set("counter:tickets", 5)
    assert example.counter(client, "tickets")(10, 60) == 6
    assert client.ttl("counter:tickets") > 0


def test_script_survives_a_flush(example: ModuleType, own_server: Server) -> None:
    client = redis.Redis.from_url(own_server.url)
    take = example.counter(client, "tickets")
    assert take(10, 60) == 1
    client.script_flush()
    assert take(10, 60) == 2


def test_counter_of_letters_is_an_error(example: ModuleType, client: redis.Redis) -> None:
    client.set("counter:tickets", "many")
    with pytest.raises(redis.ResponseError, match="no number"):
        example.counter(client, "tickets")(10, 60)
    assert client.get("counter:tickets") == "many"


@pytest.mark.parametrize("name", ["*", "a'b\"", "'] redis.call('FLUSHALL') --", "ключ\n", "x" * 10_000])
def test_name_is_a_key_and_never_lua(example: ModuleType, client: redis.Redis, name: str) -> None:
    client.set("counter:other", 1)
    assert example.counter(client, name)(10, 60) == 1
    assert sorted(client.scan_iter()) == sorted([f"counter:{name}", "counter:other"])
