"""What the write-through page claims, in Python."""

import itertools
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.load import load
from harness.servers import Server

ASIDE = Path(__file__).resolve().parents[3] / "snippets" / "patterns" / "cache-aside-races" / "versioned.py"
HOSTILE = ("1 OR 1=1", "1' OR '1'='1", "*", "cache:product:1", "1; DROP TABLE products", "ключ\n", "{1}", "x" * 10_000)


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("""CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER,
                  version INTEGER NOT NULL DEFAULT 1, deleted INTEGER NOT NULL DEFAULT 0)""")
    db.execute("INSERT INTO products (id, name, price) VALUES ('1', 'Pen', 200)")
    db.commit()
    return db


@pytest.fixture
def products(example: ModuleType, redis_url: str, db: sqlite3.Connection) -> Any:
    return example.Products(example.connect(redis_url), db)


def cached(products: Any) -> list:
    return list(products.cache.hmget("cache:product:1", "version", "data"))


def now(products: Any) -> int:
    """The clock of Redis, as one who asks now sees it."""
    return int(products.cache.time()[0])


def price_in_database(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT price FROM products WHERE id = '1'").fetchone()[0])


def test_two_writers_late_loser_does_not_win(
    example: ModuleType, redis_url: str, db: sqlite3.Connection, products: Any
) -> None:
    late = example.Products(example.connect(redis_url), db)
    stored = []

    def overtaken(row: Any, asked: Any) -> None:
        products.write(example.CHANGE, id="1", price=300)  # commits and stores before the late one stores
        stored.append(example.Products.store(late, row, asked))

    late.store = overtaken
    late.write(example.CHANGE, id="1", price=250)
    assert stored == [False]
    assert price_in_database(db) == 300
    assert products.get("1")["price"] == 300
    assert cached(products)[0] == "3"


def test_every_order_of_two_writers_ends_fresh(example: ModuleType, products: Any, db: sqlite3.Connection) -> None:
    """Two writers and a reader, two steps each: 90 orders, and none leaves an old row in Redis."""
    orders = sorted(set(itertools.permutations("AABBRR")))
    assert len(orders) == 90
    for number, order in enumerate(orders):
        products.cache.delete("cache:product:1")
        rows: dict[str, Any] = {}
        asked = now(products)
        for actor in order:
            if actor in rows:
                products.store(rows[actor], asked)
            elif actor == "R":
                rows[actor] = products.commit(example.LOAD, id="1")
            else:
                rows[actor] = products.commit(example.CHANGE, id="1", price=1000 * number + ord(actor))
        assert products.get("1")["price"] == price_in_database(db), order


def test_crash_between_commit_and_cache_write_is_stale_at_most_ttl(
    example: ModuleType, products: Any, db: sqlite3.Connection
) -> None:
    products.write(example.CHANGE, id="1", price=250)

    def crash(row: Any, asked: Any) -> None:
        raise KeyboardInterrupt

    products.store = crash
    with pytest.raises(KeyboardInterrupt):
        products.write(example.CHANGE, id="1", price=300)
    del products.store
    assert price_in_database(db) == 300
    assert products.get("1")["price"] == 250
    assert 0 < products.cache.ttl("cache:product:1") <= example.TTL
    products.cache.pexpire("cache:product:1", 0)  # the hour has passed
    assert products.get("1")["price"] == 300


def test_update_of_missing_id_caches_nothing(example: ModuleType, products: Any) -> None:
    assert products.write(example.CHANGE, id="2", name="Nib") is None
    assert products.write(example.DELETE, id="2") is None
    assert products.get("2") is None
    assert list(products.cache.scan_iter()) == []


def test_partial_update_keeps_other_fields(example: ModuleType, products: Any) -> None:
    products.write(example.CHANGE, id="1", name="Fountain pen")
    assert cached(products)[1] == '{"id":"1","name":"Fountain pen","price":200}'
    products.write(example.CHANGE, id="1", price=900)
    assert products.get("1") == {"id": "1", "name": "Fountain pen", "price": 900}


def test_late_v1_after_delete_is_refused(example: ModuleType, products: Any) -> None:
    late = products.commit(example.LOAD, id="1")
    assert late.version == 1
    products.write(example.DELETE, id="1")
    assert products.store(late, now(products)) is False
    assert cached(products) == ["2", "missing"]
    assert 0 < products.cache.ttl("cache:product:1") <= example.MISSING_TTL
    assert products.get("1") is None


def test_a_deleted_product_that_comes_back_is_visible_at_once(example: ModuleType, products: Any) -> None:
    products.write(example.DELETE, id="1")
    products.write(example.SAVE, id="1", name="New pen", price=100)
    assert products.get("1") == {"id": "1", "name": "New pen", "price": 100}
    assert cached(products)[0] == "3"


def test_a_version_protects_only_while_it_is_stored(example: ModuleType, products: Any, db: sqlite3.Connection) -> None:
    late = products.commit(example.LOAD, id="1")
    products.write(example.CHANGE, id="1", price=300)
    assert products.store(late, now(products)) is False
    products.cache.delete("cache:product:1")  # as eviction does
    assert products.store(late, now(products)) is True
    assert products.get("1")["price"] == 200
    assert price_in_database(db) == 300
    assert 0 < products.cache.ttl("cache:product:1") <= example.TTL


def test_storing_a_version_again_does_not_prolong_its_ttl(products: Any, example: ModuleType) -> None:
    row = products.write(example.CHANGE, id="1", price=300)
    products.cache.expire("cache:product:1", 60)
    assert products.store(row, now(products)) is False
    assert products.cache.ttl("cache:product:1") <= 60


def test_a_read_after_a_write_asks_no_database(example: ModuleType, products: Any, db: sqlite3.Connection) -> None:
    products.write(example.CHANGE, id="1", price=300)
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    assert products.get("1")["price"] == 300
    assert asked == []
    products.cache.delete("cache:product:1")
    assert products.get("1")["price"] == 300
    assert len(asked) == 1  # a miss does ask, and stores what it found
    assert products.get("1")["price"] == 300
    assert len(asked) == 1


def test_redis_down_write_still_commits(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    products = example.Products(example.connect(own_server.url), db)
    products.write(example.CHANGE, id="1", price=250)
    own_server.kill()
    assert products.write(example.CHANGE, id="1", price=300).version == 3
    assert price_in_database(db) == 300
    assert products.stats["cache errors"] == 2  # the question and the store
    assert products.get("1")["price"] == 300
    assert products.stats["cache errors"] == 3  # who could not ask does not store


def test_a_product_id_is_only_a_value(example: ModuleType, products: Any) -> None:
    for hostile in HOSTILE:
        assert products.get(hostile) is None
        assert products.write(example.CHANGE, id=hostile, price=1) is None
    assert products.get("1")["price"] == 200
    for hostile in HOSTILE:
        products.write(example.SAVE, id=hostile, name='"; return 0 --', price=1)
        assert products.get(hostile) == {"id": hostile, "name": '"; return 0 --', "price": 1}
    assert products.get("1")["price"] == 200
    assert len(list(products.cache.scan_iter())) == 1 + len(HOSTILE)


def test_a_key_of_another_type_surfaces_to_readers_and_fails_no_writer(example: ModuleType, products: Any) -> None:
    products.cache.set("cache:product:1", "a string")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        products.get("1")
    assert products.write(example.CHANGE, id="1", price=1).version == 2
    assert price_in_database(products.db) == 1
    assert products.stats["cache errors"] == 0
    assert products.stats["mistakes"] == 3  # a reader's question, a writer's, and its store


def test_store_that_comes_late_keeps_no_data(example: ModuleType, products: Any, db: sqlite3.Connection) -> None:
    """Asked, then frozen for longer than a version is stored: what runs after the thaw leaves a version alone."""
    asked = now(products)
    late = products.commit(example.CHANGE, id="1", price=250)
    products.write(example.DELETE, id="1")
    products.cache.pexpire("cache:product:1", 0)  # ten minutes later
    assert products.store(late, asked - 301) is False
    assert cached(products) == ["2", None]
    assert products.get("1") is None  # a version alone says nothing of the row, so it is loaded
    assert cached(products) == ["3", "missing"]


def test_corrupt_product_is_a_counted_miss(products: Any) -> None:
    values = (b"\xff\xfe", "{", "NaN", "null", "5", "[1]", "[" * 100_000, '{"id":"1"}',
              '{"id":"1","name":"Pen","price":NaN}', '{"id":"1","name":"Pen","price":"200"}')  # fmt: skip
    for count, corrupt in enumerate(values, 1):
        for version in ("1", "no number"):
            products.cache.hset("cache:product:1", mapping={"version": version, "data": corrupt})
            assert products.get("1") == {"id": "1", "name": "Pen", "price": 200}
            assert cached(products) == ["1", '{"id":"1","name":"Pen","price":200}']
        assert products.stats["corrupt values"] == 2 * count


def test_full_redis_keeps_no_old_row(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    products = example.Products(example.connect(own_server.url), db)
    products.get("1")
    products.cache.config_set("maxmemory", 1)
    products.write(example.CHANGE, id="1", price=300)
    assert products.get("1")["price"] == 300
    products.write(example.SAVE, id="2", name="Nib", price=100)
    assert products.get("2")["price"] == 100
    assert products.stats["refused writes"] == 2
    assert products.cache.exists("cache:product:2") == 0


def test_what_versioned_cache_aside_leaves_is_read_rightly(
    example: ModuleType, products: Any, redis_url: str, db: sqlite3.Connection
) -> None:
    """Both keep products under one key, in one form: a version alone says nothing, `missing` says all."""
    other = load(ASIDE)
    theirs = sqlite3.connect(":memory:")
    theirs.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER)")
    aside = other.Products(other.connect(redis_url), theirs)
    aside.save(other.Product("1", "Pen", 200))  # leaves a tombstone
    assert products.get("1") == {"id": "1", "name": "Pen", "price": 200}
    assert aside.get("1") == other.Product("1", "Pen", 200)
    assert aside.stats["database reads"] == 0
    assert aside.get("7") is None
    assert products.get("7") is None
    assert not products.stats["corrupt values"] + aside.stats["corrupt values"]
