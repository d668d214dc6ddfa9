"""What is wrong with the starter, and that each check says so."""

from types import ModuleType
from typing import Any

from practice import exercise

CHECKS = exercise.table()["1"].checks


def test_starter_sells_at_the_old_price(example: ModuleType, products: Any, redis_url: str) -> None:
    assert products.get("1")["price"] == 900
    products.save({"id": "1", "name": "Mug", "price": 700})
    assert products.get("1")["price"] == 900
    assert "leaves the old copy in Redis" in (CHECKS[0](example, redis_url) or "")


def test_starter_asks_the_database_for_a_missing_product_each_time(
    example: ModuleType, products: Any, redis_url: str
) -> None:
    assert [products.get("2") for _ in range(3)] == [None] * 3
    assert products.database_reads == 3
    assert "3 reads of a missing product cost 3 database queries" in (CHECKS[1](example, redis_url) or "")


def test_starter_hides_a_new_product_for_an_hour(example: ModuleType, products: Any, redis_url: str) -> None:
    products.get("2")
    assert products.cache.get("cache:listing:2") == "null"
    assert products.cache.ttl("cache:listing:2") == 3600
    assert "remembered for 60 minutes" in (CHECKS[2](example, redis_url) or "")


def test_starter_otherwise_works(products: Any) -> None:
    assert products.get("1") == products.get("1") == {"id": "1", "name": "Mug", "price": 900}
    assert products.database_reads == 1
