"""What the solution completes."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
import redis


def test_solution_loads_once_for_callers_at_once(example: ModuleType, cache: redis.Redis) -> None:
    def query(category: str) -> str:
        time.sleep(0.2)
        return f"the best of {category}"

    shop = example.Bestsellers(cache, query)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(shop.get, ["books"] * 8)) == {"the best of books"}
    assert shop.database_loads == 1


def test_solution_takes_over_from_a_caller_that_died(shop: Any, cache: redis.Redis) -> None:
    cache.set("lock:toplist:books", "of a dead caller", px=300)
    assert shop.get("books") == "ours"
    assert shop.database_loads == 1
    assert not cache.exists("lock:toplist:books")


def test_solution_does_not_load_again_when_it_gets_the_lock_late(
    shop: Any, cache: redis.Redis, overtake: Callable[[], None]
) -> None:
    overtake()
    assert shop.get("books") == "theirs"
    assert shop.database_loads == 0
    assert not cache.exists("lock:toplist:books")


def test_solution_keeps_the_lock_of_another_caller(
    example: ModuleType, cache: redis.Redis, lose_lock: Callable[[str], str]
) -> None:
    example.Bestsellers(cache, lose_lock).get("books")
    assert cache.get("lock:toplist:books") == "theirs"


def test_solution_releases_its_lock_when_the_query_fails(example: ModuleType, cache: redis.Redis) -> None:
    def query(category: str) -> str:
        raise KeyError(category)

    with pytest.raises(KeyError):
        example.Bestsellers(cache, query).get("books")
    assert cache.dbsize() == 0


@pytest.mark.parametrize("category", ["*", "' OR 1=1", "книги\n", "x" * 10_000, ""])
def test_solution_keeps_any_category_apart(shop: Any, cache: redis.Redis, category: str) -> None:
    cache.set("cache:toplist:books", "others")
    assert shop.get(category) == shop.get(category) == "ours"
    assert shop.database_loads == 1
    assert cache.get("cache:toplist:books") == "others"
