"""What the write-behind page claims of the accepting side, in Python."""

import sqlite3
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.load import load
from harness.servers import Server
from practice.demo_write_behind import DEAD, FOLDER, accept

STREAM, WAITING, GROUP = "stream:carts", "stream:carts:waiting", "writers"
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
    version = accept(carts, "1", {"pen": 1})
    assert carts.get("1") == {"pen": 1}
    assert db.execute("SELECT count(*) FROM carts").fetchone() == (0,)
    [(entry, fields)] = carts.cache.xrange(STREAM)
    assert entry == version
    assert fields == {"id": "1", "data": '{"pen":1}'}
    assert carts.cache.hgetall("cart:1") == {"version": version, "data": '{"pen":1}'}


def test_versions_of_a_cart_only_rise(carts: Any) -> None:
    versions = [tuple(map(int, accept(carts, "1", {"pen": n}).split("-"))) for n in range(50)]
    assert versions == sorted(set(versions))
    carts.cache.delete("cart:1")  # as its expiry does
    versions.append(tuple(map(int, accept(carts, "1", {"pen": 51}).split("-"))))
    assert versions[-1] > versions[-2]
    carts.cache.execute_command("XSETID", STREAM, f"{versions[-1][0] + 3_600_000}-0")  # its clock is set back an hour
    assert tuple(map(int, accept(carts, "1", {"pen": 52}).split("-"))) > (versions[-1][0] + 3_600_000, 0)


def test_an_unflushed_value_has_no_ttl(carts: Any) -> None:
    accept(carts, "1", {"pen": 1})
    carts.cache.expire("cart:1", 3600)  # as the worker does when it is in the database
    accept(carts, "1", {"pen": 2})
    assert carts.cache.ttl("cart:1") == -1


def test_full_queue_pushes_back(example: ModuleType, redis_url: str, db: sqlite3.Connection) -> None:
    carts = example.Carts(example.connect(redis_url), db, limit=2)
    accept(carts, "1", {"pen": 1})
    version = accept(carts, "1", {"pen": 2})
    with pytest.raises(example.QueueFullError):
        accept(carts, "1", {"pen": 3})
    assert carts.cache.xlen(STREAM) == 2
    assert carts.cache.hgetall("cart:1") == {"version": version, "data": '{"pen":2}'}  # nor is the value changed
    carts.cache.xdel(STREAM, version)  # the worker has caught up
    accept(carts, "1", {"pen": 3})


def test_depth_tells_what_waits_and_what_is_pending(carts: Any) -> None:
    carts.cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    for number in range(5):
        accept(carts, str(number), {"pen": 1})
    [[_, entries]] = carts.cache.xreadgroup(GROUP, "worker", {STREAM: ">"}, count=2)
    assert depth(carts) == (5, 3, 2, 0)
    carts.cache.xack(STREAM, GROUP, entries[0][0])
    carts.cache.xdel(STREAM, entries[0][0])
    assert depth(carts) == (4, 3, 1, 1)  # taken out by us, not by a worker who has written it


def test_unflushed_value_survives_eviction(full: Any) -> None:
    full.cache.config_set("maxmemory-policy", "volatile-lru")
    accept(full, "1", {"pen": 1})
    press(full.cache, 0, 30_000)
    assert full.cache.info("stats")["evicted_keys"] > 10_000
    assert full.get("1") == {"pen": 1}


def test_queue_survives_memory_pressure(full: Any) -> None:
    full.cache.config_set("maxmemory-policy", "volatile-lru")
    versions = [accept(full, str(number), {"pen": 1}) for number in range(100)]
    press(full.cache, 0, 30_000)
    assert full.cache.info("stats")["evicted_keys"] > 10_000
    assert [entry for entry, _ in full.cache.xrange(STREAM)] == versions


def test_allkeys_lru_evicts_what_was_accepted(full: Any) -> None:
    full.cache.config_set("maxmemory-policy", "allkeys-lru")
    accept(full, "1", {"pen": 1})
    for first in range(0, 500_000, 5000):
        press(full.cache, first, 5000)
        if not full.cache.exists("cart:1", STREAM):  # neither the value nor the queue
            return
    pytest.fail("neither was evicted")


def test_an_evicted_value_shows_the_old_row_again(full: Any, db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')")
    accept(full, "1", {"pen": 2})
    assert full.get("1") == {"pen": 2}
    full.cache.delete("cart:1")  # evicted before the queue has drained
    assert full.get("1") == {"pen": 1}


def test_a_full_redis_accepts_all_of_a_write_or_nothing(full: Any) -> None:
    full.cache.config_set("maxmemory-policy", "noeviction")
    accepted = {}

    def fill() -> None:
        for number in range(100_000):
            accepted[str(number)] = accept(full, str(number), {"note": "x" * 1000})

    with pytest.raises(redis.OutOfMemoryError):
        fill()
    assert {fields["id"]: entry for entry, fields in full.cache.xrange(STREAM)} == accepted
    carts = [key for key in full.cache.scan_iter("cart:*") if ":request:" not in key]
    assert len(carts) == len(accepted) == len(full.cache.hgetall(WAITING))
    assert full.get("0") == {"note": "x" * 1000}  # reads go on


def test_redis_down_refuses_writes_and_serves_the_row(
    example: ModuleType, own_server: Server, db: sqlite3.Connection
) -> None:
    carts = example.Carts(example.connect(own_server.url), db)
    db.execute("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')")
    own_server.kill()
    with pytest.raises(redis.ConnectionError):
        accept(carts, "1", {"pen": 2})
    assert carts.get("1") == {"pen": 1}
    assert carts.get("2") is None
    assert carts.stats == {"cache errors": 3}


def test_a_cart_id_is_only_a_value(carts: Any) -> None:
    accept(carts, "1", {"pen": 1})
    for hostile in HOSTILE:
        assert carts.get(hostile) is None
        accept(carts, hostile, {"note": '"}; --'})
        assert carts.get(hostile) == {"note": '"}; --'}
    assert carts.get("1") == {"pen": 1}
    held = [key for key in carts.cache.scan_iter() if ":request:" not in key]
    assert len(held) == 3 + len(HOSTILE)  # and the stream, and what waits


def depth(carts: Any) -> tuple[Any, ...]:
    names = "entries", "not yet read", "read, not acknowledged", "lost or buried"
    found = carts.depth()
    assert tuple(found) == names
    return tuple(found.values())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_nan_is_refused_when_it_is_saved(carts: Any, number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        accept(carts, "1", {"pen": {"price": number}})
    assert list(carts.cache.scan_iter()) == []  # no worker will meet it


def test_a_repeated_save_is_no_new_write(carts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = carts.cache.eval

    def lossy(*args: Any) -> None:
        monkeypatch.setattr(carts.cache, "eval", real)
        real(*args)
        raise redis.TimeoutError("Timeout reading from socket")

    monkeypatch.setattr(carts.cache, "eval", lossy)
    with pytest.raises(redis.TimeoutError):
        carts.save("1", {"pen": 1}, "of A")  # its reply is lost, after Redis ran it
    newer = carts.save("1", {"pen": 2}, "of B")
    [(first, _), _] = entries = carts.cache.xrange(STREAM)
    assert carts.save("1", {"pen": 1}, "of A") == first
    assert carts.get("1") == {"pen": 2}  # what B was told is accepted stays
    assert carts.cache.xrange(STREAM) == entries
    assert carts.cache.hgetall("cart:1")["version"] == newer
    assert 0 < carts.cache.ttl("cart:1:request:of A") <= 600


def test_a_repeat_of_what_was_accepted_is_answered_by_a_full_queue(
    example: ModuleType, redis_url: str, db: sqlite3.Connection
) -> None:
    carts = example.Carts(example.connect(redis_url), db, limit=1)
    version = carts.save("1", {"pen": 1}, "of A")
    assert carts.save("1", {"pen": 1}, "of A") == version
    with pytest.raises(example.QueueFullError):
        carts.save("1", {"pen": 1}, "of B")


@pytest.mark.parametrize("corrupt", ["no JSON", b"\xff", "NaN", '{"pen":NaN}', "[1]", "null", "[" * 100_000])
def test_a_corrupt_cart_is_a_counted_miss(carts: Any, db: sqlite3.Connection, corrupt: str | bytes) -> None:
    db.execute("INSERT INTO carts VALUES ('1', '', '{\"pen\":1}')")
    carts.cache.hset("cart:1", "data", corrupt)
    assert carts.get("1") == {"pen": 1}
    assert carts.stats == {"corrupt values": 1}


def test_depth_answers_without_a_group(carts: Any) -> None:
    assert depth(carts) == (0, 0, 0, 0)  # as after a flush
    accept(carts, "1", {"pen": 1})
    assert depth(carts) == (1, 1, 0, 0)  # a worker will make the group, and begin with this entry
    carts.cache.xgroup_create(STREAM, "of another program", id="0")
    assert depth(carts) == (1, 1, 0, 0)
    carts.cache.xgroup_create(STREAM, GROUP, id="0")
    carts.cache.xreadgroup(GROUP, "worker", {STREAM: ">"})
    assert depth(carts) == (1, 0, 1, 0)


def test_what_a_trimmed_stream_has_lost_is_counted(example: ModuleType, redis_url: str) -> None:
    db = sqlite3.connect(":memory:")
    worker = load(FOLDER / "worker.py")
    db.execute(worker.TABLE)
    carts = example.Carts(example.connect(redis_url), db)
    for number in range(10):
        accept(carts, str(number), {"pen": 1})
    carts.cache.xtrim(STREAM, maxlen=4, approximate=False)
    assert depth(carts)[3] == 6
    worker.Writer(worker.connect(redis_url), db, claim_after_ms=0).run(until_empty=True)
    assert db.execute("SELECT count(*) FROM carts").fetchone() == (4,)
    assert depth(carts)[3] == 6  # also when nothing waits any more
    assert sorted(carts.cache.hkeys(WAITING)) == list("012345")  # which ones, and their values are still there
    assert carts.get("0") == {"pen": 1}
    accept(carts, "0", {"pen": 2})
    assert depth(carts)[3] == 5  # only the last value counts
    carts.cache.delete(STREAM)
    assert depth(carts)[3] == 6


def test_accepting_needs_all_keys_in_one_slot(
    example: ModuleType, one_node_cluster: Server, db: sqlite3.Connection
) -> None:
    carts = example.Carts(example.connect(one_node_cluster.url), db)
    with pytest.raises(redis.ResponseError, match=r"(?i)slot"):
        accept(carts, "1", {"pen": 1})
    one_slot = "cart:{7}:1", "cart:{7}:1:request:a", "stream:carts:{7}", "stream:carts:{7}:waiting"
    assert carts.cache.eval(example.ACCEPT, 4, *one_slot, "1", "{}", 10, 600)


def test_the_dead_letters_stream_needs_the_same_tag(one_node_cluster: Server) -> None:
    dead_letter, cache = load(FOLDER / "dead_letter.py"), redis.Redis.from_url(one_node_cluster.url)
    stream = "stream:carts:{7}"
    cache.xgroup_create(stream, GROUP, id="0", mkstream=True)
    with pytest.raises(redis.ResponseError, match=r"(?i)slot"):
        cache.eval(dead_letter.BURY, 2, stream, DEAD, GROUP, 0, 5)
    assert cache.eval(dead_letter.BURY, 2, stream, f"{stream}:dead", GROUP, 0, 5) == 0
