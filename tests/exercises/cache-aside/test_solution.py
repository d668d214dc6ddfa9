"""What the solution mends, and that it passes every check."""

from types import ModuleType
from typing import Any

import pytest

from harness.servers import Server
from practice import exercise


def test_solution_sells_at_the_new_price(products: Any) -> None:
    assert products.get("1")["price"] == 900
    products.save({"id": "1", "name": "Mug", "price": 700})
    assert products.cache.get("cache:listing:1") is None
    assert products.get("1")["price"] == 700


def test_solution_asks_once_for_a_missing_product(products: Any) -> None:
    assert [products.get("2") for _ in range(3)] == [None] * 3
    assert products.database_reads == 1
    products.save({"id": "2", "name": "Plate", "price": 1200})
    assert products.get("2")["name"] == "Plate"


def test_solution_shows_a_new_product_within_a_minute(products: Any) -> None:
    products.get("2")
    assert 0 < products.cache.ttl("cache:listing:2") <= 60
    products.get("1")
    assert products.cache.ttl("cache:listing:1") > 3500


def test_solution_answers_with_redis_away_and_keeps_what_it_committed(
    example: ModuleType, own_server: Server, products: Any
) -> None:
    products = example.Products(example.connect(own_server.url), products.db)
    products.cache.config_set("maxmemory", 1, "maxmemory-policy", "noeviction")
    assert products.get("1")["price"] == 900
    own_server.kill()
    products.save({"id": "1", "name": "Mug", "price": 700})
    assert products.get("1")["price"] == 700
    assert products.stats == {"refused writes": 1, "cache errors": 3}


@pytest.mark.parametrize("value", ["", "no json", "[]", "7", '{"id": "1"}', "[" * 10_000])
def test_solution_takes_what_is_no_product_for_a_miss(products: Any, value: str) -> None:
    products.cache.set("cache:listing:1", value)
    assert products.get("1")["name"] == products.get("1")["name"] == "Mug"
    assert products.database_reads == products.stats["corrupt values"] == 1


def test_solution_passes_every_check(example: ModuleType, redis_url: str) -> None:
    assert [check(example, redis_url) for check in exercise.table()["1"].checks] == [None] * 3
