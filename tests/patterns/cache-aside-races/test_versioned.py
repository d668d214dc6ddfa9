"""What versions add to cache-aside, in Python."""

import sqlite3
from types import ModuleType
from typing import Any

import pytest

from harness.servers import Server


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price_cents INTEGER, version INTEGER)")
    db.execute("INSERT INTO products VALUES ('1', 'Tea', 450, 1)")
    db.commit()
    return db


@pytest.fixture
def products(example: ModuleType, redis_url: str, db: sqlite3.Connection) -> Any:
    return example.Products(example.connect(redis_url), db)


def test_late_reader_cannot_store_the_old_version(example: ModuleType, products: Any) -> None:
    version, old = products.load("1")
    products.save(example.Product("1", "Tea", 475))
    assert products.store("1", version, old) is False
    assert products.get("1").price_cents == 475
    assert products.store("1", version, old) is False  # the value that is stored now protects as well
    assert products.get("1").price_cents == 475


def test_tombstone_holds_the_version_and_outlives_a_reader(example: ModuleType, products: Any) -> None:
    products.get("1")
    products.save(example.Product("1", "Tea", 475))
    assert products.cache.hgetall("cache:product:1") == {"version": "2"}
    assert 50 < products.cache.ttl("cache:product:1") <= 60


def test_version_protects_only_while_one_is_stored(example: ModuleType, products: Any) -> None:
    version, old = products.load("1")
    products.save(example.Product("1", "Tea", 475))
    products.cache.delete("cache:product:1")  # as an eviction would, or an expiry
    assert products.store("1", version, old) is True
    assert products.get("1").price_cents == 450


def test_late_tombstone_does_not_take_the_version_back(example: ModuleType, products: Any) -> None:
    products.save(example.Product("1", "Tea", 475))
    products.save(example.Product("1", "Tea", 500))
    assert products.put("cache:product:1", 2, 60) is False
    assert products.cache.hget("cache:product:1", "version") == "3"


def test_versioned_second_read_does_not_hit_db(products: Any) -> None:
    assert products.get("1") == products.get("1")
    assert products.stats["database reads"] == 1
    assert 3200 < products.cache.ttl("cache:product:1") <= 3960


def test_missing_product_is_version_0_and_yields_to_an_insert(example: ModuleType, products: Any) -> None:
    for hostile in ("2", "1 OR 1=1", "1' OR '1'='1", "*", "ключ\n", "x" * 10_000):
        assert products.get(hostile) is None
    assert products.get("2") is None
    assert products.stats["database reads"] == 6
    assert 0 < products.cache.ttl("cache:product:2") <= 66
    version, nothing = products.load("2")
    products.save(example.Product("2", "Cup", 900))
    assert products.store("2", version, nothing) is False
    assert products.get("2").name == "Cup"


def test_versioned_corrupt_data_is_a_miss(products: Any) -> None:
    for corrupt in (b"\xff\xfe", "", "{", "null", "[1]", '{"id":"1"}', '{"id":"1","name":"Tea","price_cents":"x"}'):
        products.cache.hset("cache:product:1", mapping={"version": "not a number", "data": corrupt})
        assert products.get("1").name == "Tea"
        assert products.cache.hget("cache:product:1", "version") == "1"


def test_versioned_code_fails_open(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    products = example.Products(example.connect(own_server.url), db)
    own_server.kill()
    assert products.get("1").price_cents == 450
    products.save(example.Product("1", "Tea", 475))
    assert products.get("1").price_cents == 475
    assert products.stats["cache errors"] == 5  # two reads of HGET and EVAL, one EVAL
