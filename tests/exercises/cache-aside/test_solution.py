"""What the solution mends, and that it passes every check."""

from types import ModuleType
from typing import Any

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


def test_solution_passes_every_check(example: ModuleType, redis_url: str) -> None:
    assert [check(example, redis_url) for check in exercise.table()["1"].checks] == [None] * 3
