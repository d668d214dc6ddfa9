"""What the cache-aside page claims, in Python."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.faults.conditions import FAILING_OVER
from harness.faults.tap import Tap
from harness.servers import Cluster, Server


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, password_hash TEXT)")
    db.execute("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com', 'secret')")
    db.execute("INSERT INTO users VALUES ('2', 'Grace', 'grace@example.com', 'secret')")
    db.commit()
    return db


@pytest.fixture
def users(example: ModuleType, redis_url: str, db: sqlite3.Connection) -> Any:
    return example.Users(example.connect(redis_url), db)


def test_second_read_does_not_hit_db(users: Any) -> None:
    first = users.get("1")
    assert first.name == "Ada"
    assert users.get("1") == first
    assert users.stats["database reads"] == 1


def test_hostile_id_returns_nothing(users: Any) -> None:
    for hostile in ("1 OR 1=1", "1' OR '1'='1", "*", "1; DROP TABLE users", "ключ\n", "x" * 10_000):
        assert users.get(hostile) is None
    assert users.get("1").name == "Ada"


def test_missing_row_cached_briefly_then_insert_visible(example: ModuleType, users: Any) -> None:
    assert users.get("3") is None
    assert users.get("3") is None
    assert users.stats["database reads"] == 1
    assert 0 < users.cache.ttl(example.user_key("3")) <= 66

    users.save(example.User("3", "Edsger", "edsger@example.com"))
    assert users.get("3").name == "Edsger"


def test_redis_down_still_serves_from_db(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    users = example.Users(example.connect(own_server.url), db)
    assert users.get("1").name == "Ada"

    own_server.kill()
    assert users.get("1").name == "Ada"
    users.save(example.User("1", "Ada Lovelace", "ada@example.com"))
    assert users.get("1").name == "Ada Lovelace"
    assert users.stats["database reads"] == 3
    assert users.stats["cache errors"] == 5  # two reads of GET and SET, one DEL


def test_redis_frozen_costs_only_its_timeouts(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    users = example.Users(example.connect(own_server.url), db)
    users.cache.ping()
    own_server.freeze()
    started = time.monotonic()
    assert users.get("1").name == "Ada"
    assert time.monotonic() - started < 3  # GET and SET, 0.5 s each; without timeouts it would not end
    assert users.stats["cache errors"] == 2


def test_write_then_read_sees_the_new_value(example: ModuleType, users: Any) -> None:
    assert users.get("1").name == "Ada"
    users.save(example.User("1", "Ada Lovelace", "ada@example.com"))
    assert users.get("1").name == "Ada Lovelace"
    assert users.db.execute("SELECT name FROM users WHERE id = '1'").fetchone() == ("Ada Lovelace",)


def test_ttl_is_an_hour_give_or_take_ten_percent(example: ModuleType, users: Any) -> None:
    ttls = set()
    for _ in range(50):
        users.get("1")
        ttls.add(users.cache.ttl(example.user_key("1")))
        users.cache.delete(example.user_key("1"))
    assert min(ttls) >= 3239 and max(ttls) <= 3960
    assert len(ttls) > 10  # spread, not one value


def test_secrets_stay_out_of_the_cache(example: ModuleType, users: Any) -> None:
    users.get("1")
    assert users.cache.get(example.user_key("1")) == '{"id":"1","name":"Ada","email":"ada@example.com"}'


def test_only_its_own_key_is_touched(example: ModuleType, users: Any) -> None:
    users.cache.set("cache:user:10", "a neighbour")
    users.get("1")
    users.save(example.User("1", "Ada Lovelace", "ada@example.com"))
    users.get("1")
    assert sorted(users.cache.scan_iter()) == ["cache:user:1", "cache:user:10"]
    assert users.cache.get("cache:user:10") == "a neighbour"


def test_other_redis_errors_surface(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    """A wrong type or a wrong password is a bug to mend; counting it as an outage would hide it."""
    users = example.Users(example.connect(own_server.url), db)
    users.cache.lpush(example.user_key("1"), "not a string")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        users.get("1")
    users.cache.config_set("requirepass", "changed")
    users.cache.connection_pool.disconnect()
    with pytest.raises(redis.AuthenticationError):
        users.get("1")
    assert users.stats["cache errors"] == 0


def test_overtaken_reader_leaves_the_old_value_until_its_ttl(example: ModuleType, users: Any) -> None:
    """The race that this pattern does not close, as one fixed schedule."""
    load = users.load

    def load_and_be_overtaken(user_id: str) -> Any:
        user = load(user_id)
        users.save(example.User("1", "Ada Lovelace", "ada@example.com"))  # commits and deletes before we set
        return user

    users.load = load_and_be_overtaken
    users.get("1")
    users.load = load
    assert users.get("1").name == "Ada"
    assert 0 < users.cache.ttl(example.user_key("1")) <= 3960


CORRUPT = [
    b"\xff\xfe", "", "{", "null", "5", '"Ada"', '["1", "Ada", "ada@example.com"]', "[" * 100_000,
    '{"id": "1", "name": "Ada"}', '{"id": "1", "name": "Ada", "email": null}', '{"id": "1", "name": 5, "email": "a"}',
    '{"id": "1", "name": "Ada", "email": "a", "password_hash": "secret"}',
]  # fmt: skip


def test_corrupt_value_is_a_counted_miss(example: ModuleType, users: Any) -> None:
    key = example.user_key("1")
    for count, corrupt in enumerate(CORRUPT, 1):
        users.cache.set(key, corrupt)
        assert users.get("1").name == "Ada"
        assert users.stats["corrupt values"] == users.stats["database reads"] == count
        assert users.cache.get(key) == '{"id":"1","name":"Ada","email":"ada@example.com"}'
        assert users.cache.ttl(key) > 3000
    users.get("1")
    assert users.stats["database reads"] == len(CORRUPT)


def test_moved_is_an_error_not_a_miss(example: ModuleType, cluster: Cluster, db: sqlite3.Connection) -> None:
    users = example.Users(example.connect(cluster.url), db)
    moved = 0
    for number in range(20):
        try:
            users.get(str(number))
        except redis.exceptions.MovedError:
            moved += 1
    assert moved == 12  # of these keys, the ones on the other shard
    assert users.stats["cache errors"] == 0
    assert users.stats["database reads"] == 8


def test_full_redis_fails_no_read_and_no_write(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    users = example.Users(example.connect(own_server.url), db)
    users.cache.config_set("maxmemory", 1)
    assert [users.get("1").name for _ in range(3)] == ["Ada"] * 3
    users.save(example.User("1", "Ada Lovelace", "ada@example.com"))
    assert users.stats == {"database reads": 3, "refused writes": 3}  # what deletes is not refused


def test_failed_disk_fails_no_read_and_no_write(
    example: ModuleType, own_server: Server, db: sqlite3.Connection
) -> None:
    """A folder has the name of the snapshot: from then on Redis answers each write with MISCONF."""
    users = example.Users(example.connect(own_server.url), db)
    Path(own_server.dir, "dump.rdb").mkdir()
    users.cache.config_set("save", "3600 1")
    users.cache.bgsave()
    while users.cache.info("persistence")["rdb_last_bgsave_status"] != "err":
        time.sleep(0.02)
    assert users.get("1").name == "Ada"
    users.save(example.User("1", "Ada Lovelace", "ada@example.com"))
    assert users.get("1").name == "Ada Lovelace"
    assert users.stats == {"database reads": 2, "refused writes": 3}


def test_replica_fails_no_read_and_no_write_and_is_left(
    example: ModuleType, own_server: Server, db: sqlite3.Connection
) -> None:
    """Its address may lead to the new primary by now, so the connection to the old one is dropped."""
    users = example.Users(example.connect(own_server.url), db)
    before = users.cache.client_id()
    users.cache.replicaof("127.0.0.1", "1")
    assert users.get("1").name == "Ada"
    assert users.cache.client_id() != before
    users.save(example.User("1", "Ada Lovelace", "ada@example.com"))
    assert users.get("1").name == "Ada Lovelace"
    assert users.stats == {"database reads": 2, "cache errors": 3}


def test_own_exhausted_pool_is_busy_and_no_outage(
    example: ModuleType, own_server: Server, db: sqlite3.Connection
) -> None:
    users = example.Users(example.connect(own_server.url), db)
    pool = users.cache.connection_pool
    taken = [pool.get_connection() for _ in range(pool.max_connections)]
    with pytest.raises(redis.ConnectionError, match="No connection available"):
        users.get("1")  # nothing to answer, and Redis was not asked: no reason to ask the database
    users.save(example.User("1", "Ada Lovelace", "ada@example.com"))
    assert users.stats == {"busy": 2}
    for connection in taken:
        pool.release(connection)
    assert users.get("1").name == "Ada Lovelace"


def test_readers_of_a_frozen_redis_that_outnumber_the_pool_get_their_rows(
    example: ModuleType, own_server: Server, db: sqlite3.Connection, tmp_path: Path
) -> None:
    """The pool is exhausted then, but because Redis hangs: an outage, and not our own limit."""
    with sqlite3.connect(tmp_path / "shop.db", check_same_thread=False) as shared:
        db.backup(shared)
    users = example.Users(example.connect(own_server.url), shared)
    users.get("1")
    own_server.freeze()
    with ThreadPoolExecutor(300) as readers:
        assert [user.name for user in readers.map(users.get, ["1"] * 300)] == ["Ada"] * 300
    assert users.stats.keys() == {"cache errors", "database reads"}


def test_mistake_surfaces_only_to_who_has_no_answer_yet(
    example: ModuleType, own_server: Server, db: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A user that may read and not write: the row is there, the commit is done, so it is logged, loudly."""
    users = example.Users(example.connect(own_server.url), db)
    users.cache.execute_command("ACL", "SETUSER", "default", "-@write")
    assert users.get("1").name == "Ada"
    users.save(example.User("1", "Ada Lovelace", "ada@example.com"))
    assert users.stats == {"database reads": 1, "mistakes": 2}
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2


def test_announced_maintenance_stretches_no_timeout(
    example: ModuleType, own_server: Server, db: sqlite3.Connection
) -> None:
    """A client that has asked for pushes is told of a failover that takes 20 s, and then nothing answers."""
    tap = Tap(own_server.port)
    users = example.Users(example.connect(tap.url), db)
    users.get("1")
    if tap.asked_for_pushes:
        tap.push(FAILING_OVER)
    own_server.freeze()
    started = time.monotonic()
    assert users.get("1").name == "Ada"
    assert time.monotonic() - started < 3  # GET and SET, 0.5 s each
    assert users.stats["cache errors"] == 2
    own_server.thaw()
    tap.close()
