"""What the solution does, race by race, and that it passes every check."""

import json
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import free_port
from practice import exercise

KEY = "cache:product:1"
OLD = {"id": "1", "name": "Mug", "price": 900}


def test_solution_writes_the_row_and_its_version_through(products: Any) -> None:
    assert products.update("1", price=700) == {"id": "1", "name": "Mug", "price": 700}
    cached = products.cache.hgetall(KEY)
    assert cached["version"] == "2"
    assert json.loads(cached["data"]) == {"id": "1", "name": "Mug", "price": 700}
    assert 3500 < products.cache.ttl(KEY) <= 3600


def test_solution_refuses_the_late_loser(products: Any) -> None:
    products.update("1", price=700)
    assert products.offer("1", 1, OLD) is False
    assert products.offer("1", 2, OLD) is False
    assert json.loads(products.cache.hget(KEY, "data"))["price"] == 700
    assert products.offer("1", 10, OLD) is True
    assert products.offer("1", 9, OLD) is False


def test_solution_refuses_a_late_write_after_a_delete(products: Any) -> None:
    products.update("1", price=700)
    assert products.delete("1") is True
    assert products.offer("1", 2, OLD) is False
    assert products.cache.hgetall(KEY) == {"version": "3"}
    assert 3500 < products.cache.ttl(KEY) <= 3600


def test_solution_forgets_a_version_with_its_key(products: Any) -> None:
    products.update("1", price=700)
    products.cache.delete(KEY)  # or it expires, or is evicted
    assert products.offer("1", 1, OLD) is True


@pytest.mark.parametrize("product_id", ["2", "*", "1' OR '1'='1", "ключ\n", "x" * 10_000])
def test_solution_caches_nothing_for_a_missing_id(products: Any, product_id: str) -> None:
    assert products.update(product_id, price=700) is None
    assert products.delete(product_id) is False
    assert products.cache.dbsize() == 0
    assert products.db.execute("SELECT price, version FROM products").fetchall() == [(900, 1)]


def test_solution_commits_with_redis_down(example: ModuleType, products: Any) -> None:
    down = example.Products(redis.Redis.from_url(f"redis://127.0.0.1:{free_port()}"), products.db)
    assert down.update("1", price=700) == {"id": "1", "name": "Mug", "price": 700}
    assert down.cache_errors == 1
    assert products.db.execute("SELECT price, version FROM products").fetchall() == [(700, 2)]


def test_solution_raises_nothing_after_the_commit_and_logs_it(products: Any, caplog: pytest.LogCaptureFixture) -> None:
    products.cache.set(KEY, "another type")
    assert products.update("1", price=700) == {"id": "1", "name": "Mug", "price": 700}
    assert products.cache_errors == 1
    assert "WRONGTYPE" in caplog.text


def test_solution_passes_every_check_of_versions(example: ModuleType, redis_url: str) -> None:
    checks = exercise.table()["3"].checks
    assert [check(example, redis_url) for check in checks] == [None] * len(checks)
