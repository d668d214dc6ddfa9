"""What is missing in the starter."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import redis


def test_starter_loads_though_the_lock_is_taken(shop: Any, cache: redis.Redis) -> None:
    cache.set("lock:toplist:books", "theirs", px=10_000)
    assert shop.get("books") == "ours"
    assert shop.database_loads == 1
    assert cache.get("lock:toplist:books") == "theirs"  # it did not wait for that to expire


def test_starter_loads_again_when_it_gets_the_lock_late(shop: Any, overtake: Callable[[], None]) -> None:
    overtake()
    assert shop.get("books") == "ours"
    assert shop.database_loads == 1


def test_starter_deletes_the_lock_of_another_caller(
    example: ModuleType, cache: redis.Redis, lose_lock: Callable[[str], str]
) -> None:
    example.Bestsellers(cache, lose_lock).get("books")
    assert not cache.exists("lock:toplist:books")


def test_starter_otherwise_works(shop: Any, cache: redis.Redis) -> None:
    assert shop.get("books") == shop.get("books") == "ours"
    assert shop.database_loads == 1
    assert 0 < cache.ttl("cache:toplist:books") <= 60
    assert not cache.exists("lock:toplist:books")
