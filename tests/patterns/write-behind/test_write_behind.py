"""What the write-behind page claims of the accepting side, in Python."""

import sqlite3
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server

STREAM, GROUP = "stream:carts", "writers"
HOSTILE = ("1 OR 1=1", "1' OR '1'='1", "*", "cart:1", "1; DROP TABLE carts", "ключ\n", "{1}", "x" * 10_000)


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL)")
    return db


@pytest.fixture
def carts(example: ModuleType, redis_url: str, db: sqlite3.Connection) -> Any:
    return example.Carts(example.connect(redis_url), db)


@pytest.fixture
def full(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> Any:
    """Carts on a server that may take only a few megabytes more than it has."""
    carts = example.Carts(example.connect(own_server.url), db)
    carts.cache.config_set("maxmemory", carts.cache.info("memory")["used_memory"] + 3_000_000)
    return carts


def press(cache: redis.Redis, first: int, count: int) -> None:
    """Fill the server with ordinary cache entries of one kilobyte each."""
    pipe = cache.pipeline(transaction=False)
    for number in range(first, first + count):
        pipe.set(f"cache:report:{number}", "x" * 1000, ex=3600)
    pipe.execute(raise_on_error=False)


def test_accepted_at_once_and_not_yet_in_the_database(carts: Any, db: sqlite3.Connection) -> None:
    version = carts.save("1", {"pen": 1})
    assert carts.get("1") == {"pen": 1}
    assert db.execute("SELECT count(*) FROM carts").fetchone() == (0,)
    [(entry, fields)] = carts.cache.xrange(STREAM)
    assert entry == version
    assert fields == {"id": "1", "data": '{"pen":1}'}
    assert carts.cache.hgetall("cart:1") == {"version": version, "data": '{"pen":1}'}


def test_versions_of_a_cart_only_rise(carts: Any) -> None:
    versions = [tuple(map(int, carts.save("1", {"pen": n}).split("-"))) for n in range(50)]
    assert versions == sorted(set(versions))
    carts.cache.delete("cart:1")  # as its expiry does
    assert tuple(map(int, carts.save("1", {"pen": 51}).split("-"))) > versions[-1]


def test_an_unflushed_value_has_no_ttl(carts: Any) -> None:
    carts.save("1", {"pen": 1})
    carts.cache.expire("cart:1", 3600)  # as the worker does when it is in the database
    carts.save("1", {"pen": 2})
    assert carts.cache.ttl("cart:1") == -1


def test_full_queue_pushes_back(example: ModuleType, redis_url: str, db: sqlite3.Connection) -> None:
    carts = example.Carts(example.connect(redis_url), db, limit=2)
    carts.save("1", {"pen": 1})
    version = carts.save("1", {"pen": 2})
    with pytest.raises(example.QueueFullError):
        carts.save("1", {"pen": 3})
    assert carts.cache.xlen(STREAM) == 2
    assert carts.cache.hgetall("cart:1") == {"version": version, "data": '{"pen":2}'}  # nor is the value changed
    carts.cache.xdel(STREAM, version)  # the worker has caught up
    carts.save("1", {"pen": 3})


def test_depth_tells_what_waits_and_what_is_pending(carts: Any) -> None:
    carts.cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    for number in range(5):
        carts.save(str(number), {"pen": 1})
    [[_, entries]] = carts.cache.xreadgroup(GROUP, "worker", {STREAM: ">"}, count=2)
    assert carts.depth() == {"entries": 5, "not yet read": 3, "read, not acknowledged": 2}
    carts.cache.xack(STREAM, GROUP, entries[0][0])
    carts.cache.xdel(STREAM, entries[0][0])
    assert carts.depth() == {"entries": 4, "not yet read": 3, "read, not acknowledged": 1}


def test_unflushed_value_survives_eviction(full: Any) -> None:
    full.cache.config_set("maxmemory-policy", "volatile-lru")
    full.save("1", {"pen": 1})
    press(full.cache, 0, 30_000)
    assert full.cache.info("stats")["evicted_keys"] > 10_000
    assert full.get("1") == {"pen": 1}


def test_queue_survives_memory_pressure(full: Any) -> None:
    full.cache.config_set("maxmemory-policy", "volatile-lru")
    versions = [full.save(str(number), {"pen": 1}) for number in range(100)]
    press(full.cache, 0, 30_000)
    assert full.cache.info("stats")["evicted_keys"] > 10_000
    assert [entry for entry, _ in full.cache.xrange(STREAM)] == versions


def test_allkeys_lru_evicts_what_was_accepted(full: Any) -> None:
    full.cache.config_set("maxmemory-policy", "allkeys-lru")
    full.save("1", {"pen": 1})
    for first in range(0, 500_000, 5000):
        press(full.cache, first, 5000)
        if not full.cache.exists("cart:1", STREAM):  # neither the value nor the queue
            return
    pytest.fail("neither was evicted")


def test_an_evicted_value_shows_the_old_row_again(full: Any, db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')")
    full.save("1", {"pen": 2})
    assert full.get("1") == {"pen": 2}
    full.cache.delete("cart:1")  # evicted before the queue has drained
    assert full.get("1") == {"pen": 1}


def test_a_full_redis_accepts_all_of_a_write_or_nothing(full: Any) -> None:
    full.cache.config_set("maxmemory-policy", "noeviction")
    accepted = {}

    def fill() -> None:
        for number in range(100_000):
            accepted[str(number)] = full.save(str(number), {"note": "x" * 1000})

    with pytest.raises(redis.OutOfMemoryError):
        fill()
    assert {fields["id"]: entry for entry, fields in full.cache.xrange(STREAM)} == accepted
    assert len(list(full.cache.scan_iter("cart:*"))) == len(accepted)
    assert full.get("0") == {"note": "x" * 1000}  # reads go on


def test_redis_down_refuses_writes_and_serves_the_row(
    example: ModuleType, own_server: Server, db: sqlite3.Connection
) -> None:
    carts = example.Carts(example.connect(own_server.url), db)
    db.execute("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')")
    own_server.kill()
    with pytest.raises(redis.ConnectionError):
        carts.save("1", {"pen": 2})
    assert carts.get("1") == {"pen": 1}
    assert carts.get("2") is None
    assert carts.cache_errors == 2


def test_a_cart_id_is_only_a_value(carts: Any) -> None:
    carts.save("1", {"pen": 1})
    for hostile in HOSTILE:
        assert carts.get(hostile) is None
        carts.save(hostile, {"note": '"}; --'})
        assert carts.get(hostile) == {"note": '"}; --'}
    assert carts.get("1") == {"pen": 1}
    assert len(list(carts.cache.scan_iter())) == 2 + len(HOSTILE)


def test_accepting_needs_both_keys_in_one_slot(
    example: ModuleType, one_node_cluster: Server, db: sqlite3.Connection
) -> None:
    carts = example.Carts(example.connect(one_node_cluster.url), db)
    with pytest.raises(redis.ResponseError, match=r"(?i)slot"):
        carts.save("1", {"pen": 1})
    one_slot = "cart:{7}:1", "stream:carts:{7}"
    assert carts.cache.eval(example.ACCEPT, 2, *one_slot, "1", "{}", 10)
