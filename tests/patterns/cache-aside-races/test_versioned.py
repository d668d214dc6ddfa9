"""What versions add to cache-aside, in Python."""

import sqlite3
import time
from types import ModuleType
from typing import Any

import pytest

from harness.servers import Server


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER)")
    db.execute("INSERT INTO products VALUES ('1', 'Tea', 450, 1)")
    db.commit()
    return db


@pytest.fixture
def products(example: ModuleType, redis_url: str, db: sqlite3.Connection) -> Any:
    return example.Products(example.connect(redis_url), db)


def test_late_reader_cannot_store_the_old_version(example: ModuleType, products: Any) -> None:
    _, asked = products.ask("1")
    version, old = products.load("1")
    products.save(example.Product("1", "Tea", 475))
    assert products.store("1", version, old, asked) is False
    assert products.get("1").price == 475
    assert products.store("1", version, old, asked) is False  # the value that is stored now protects as well
    assert products.get("1").price == 475


def test_tombstone_holds_the_version_for_a_minute(example: ModuleType, products: Any) -> None:
    products.get("1")
    products.save(example.Product("1", "Tea", 475))
    assert products.cache.hgetall("cache:product:1") == {"version": "2"}
    assert 50 < products.cache.ttl("cache:product:1") <= 60


def test_store_that_comes_late_is_refused_also_after_the_tombstone(example: ModuleType, products: Any) -> None:
    """A reader asks, Redis freezes, a minute passes, the tombstone with it: as Redis counts, the store is late."""
    _, asked = products.ask("1")
    version, old = products.load("1")
    products.save(example.Product("1", "Tea", 475))
    products.cache.pexpire("cache:product:1", 0)  # a minute later
    assert products.store("1", version, old, int(asked) - 31) is False
    assert products.cache.exists("cache:product:1") == 0
    assert products.store("1", version, old, int(asked) - 29) is True  # in time, as no tombstone has yet expired


@pytest.mark.long
def test_store_that_ran_after_a_freeze_is_refused(
    example: ModuleType, own_server: Server, db: sqlite3.Connection
) -> None:
    """As it happens, at the constants that ship: the store times out, and Redis runs it after the thaw."""
    writer, reader = (example.Products(example.connect(own_server.url), db) for _ in range(2))
    _, asked = reader.ask("1")
    version, old = reader.load("1")
    writer.save(example.Product("1", "Tea", 475))
    own_server.freeze()
    assert reader.store("1", version, old, asked) is False  # as far as it can tell
    time.sleep(example.TOMBSTONE_TTL + 1)
    own_server.thaw()
    assert writer.get("1").price == 475
    assert reader.get("1").price == 475
    assert reader.stats["cache errors"] == 1


def test_full_redis_keeps_no_old_product(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    """A tombstone takes the place of the old value; where there is none, it does not fit, and nothing is stale."""
    products = example.Products(example.connect(own_server.url), db)
    products.get("1")
    products.cache.config_set("maxmemory", 1)
    products.save(example.Product("1", "Tea", 475))
    assert products.cache.hgetall("cache:product:1") == {"version": "2"}
    products.save(example.Product("2", "Cup", 900))
    assert products.get("2").price == 900
    assert products.stats["refused writes"] == 2
    assert products.cache.exists("cache:product:2") == 0


def test_version_protects_only_while_one_is_stored(example: ModuleType, products: Any) -> None:
    _, asked = products.ask("1")
    version, old = products.load("1")
    products.save(example.Product("1", "Tea", 475))
    products.cache.delete("cache:product:1")  # as an eviction would, or an expiry
    assert products.store("1", version, old, asked) is True
    assert products.get("1").price == 450


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
    _, asked = products.ask("2")
    version, nothing = products.load("2")
    products.save(example.Product("2", "Cup", 900))
    assert products.store("2", version, nothing, asked) is False
    assert products.get("2").name == "Cup"


def test_versioned_corrupt_data_is_a_miss(products: Any) -> None:
    values = (b"\xff\xfe", "", "{", "NaN", "null", "[1]", '{"id":"1"}', '{"id":"1","name":"Tea","price":NaN}')
    for count, corrupt in enumerate(values, 1):
        products.cache.hset("cache:product:1", mapping={"version": "not a number", "data": corrupt})
        assert products.get("1").name == "Tea"
        assert products.cache.hget("cache:product:1", "version") == "1"
        assert products.stats["corrupt values"] == count


def test_versioned_code_fails_open(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    products = example.Products(example.connect(own_server.url), db)
    own_server.kill()
    assert products.get("1").price == 450
    products.save(example.Product("1", "Tea", 475))
    assert products.get("1").price == 475
    assert products.stats["cache errors"] == 3  # two questions, one tombstone; who could not ask does not store
