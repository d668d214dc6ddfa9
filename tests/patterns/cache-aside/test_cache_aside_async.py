"""What the cache-aside page claims, in Python with asyncio, and what asyncio adds: tasks that wait or are cancelled."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Cluster, Server

Run = Callable[[Any], Any]


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, password_hash TEXT)")
    db.execute("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com', 'secret')")
    db.execute("INSERT INTO users VALUES ('2', 'Grace', 'grace@example.com', 'secret')")
    db.commit()
    return db


@pytest.fixture
def connect(example: ModuleType, db: sqlite3.Connection, run: Run) -> Iterator[Callable[[str], Any]]:
    """Gives the users of a Redis, and closes their client on the loop that it worked on."""
    opened: list[Any] = []

    def users(url: str) -> Any:
        opened.append(example.Users(example.connect(url), db))
        return opened[-1]

    yield users
    for one in opened:
        run(one.cache.aclose())


@pytest.fixture
def users(connect: Callable[[str], Any], redis_url: str) -> Any:
    return connect(redis_url)


def test_second_read_does_not_hit_db(run: Run, users: Any) -> None:
    first = run(users.get("1"))
    assert first.name == "Ada"
    assert run(users.get("1")) == first
    assert users.stats["database reads"] == 1


def test_hostile_id_returns_nothing(run: Run, users: Any) -> None:
    for hostile in ("1 OR 1=1", "1' OR '1'='1", "*", "1; DROP TABLE users", "ключ\n", "x" * 10_000):
        assert run(users.get(hostile)) is None
    assert run(users.get("1")).name == "Ada"


def test_missing_row_cached_briefly_then_insert_visible(run: Run, example: ModuleType, users: Any) -> None:
    assert run(users.get("3")) is None
    assert run(users.get("3")) is None
    assert users.stats["database reads"] == 1
    assert 0 < run(users.cache.ttl(example.user_key("3"))) <= 66

    run(users.save(example.User("3", "Edsger", "edsger@example.com")))
    assert run(users.get("3")).name == "Edsger"


def test_redis_down_still_serves_from_db(
    run: Run, example: ModuleType, own_server: Server, connect: Callable[[str], Any]
) -> None:
    users = connect(own_server.url)
    assert run(users.get("1")).name == "Ada"

    own_server.kill()
    assert run(users.get("1")).name == "Ada"
    run(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
    assert run(users.get("1")).name == "Ada Lovelace"
    assert users.stats["database reads"] == 3
    assert users.stats["cache errors"] == 5  # two reads of GET and SET, one DEL


def test_redis_frozen_costs_only_its_timeouts(run: Run, own_server: Server, connect: Callable[[str], Any]) -> None:
    users = connect(own_server.url)
    run(users.cache.ping())
    own_server.freeze()
    started = time.monotonic()
    assert run(users.get("1")).name == "Ada"
    assert time.monotonic() - started < 3  # GET and SET, 0.5 s each; without timeouts it would not end
    assert users.stats["cache errors"] == 2


def test_write_then_read_sees_the_new_value(run: Run, example: ModuleType, users: Any) -> None:
    assert run(users.get("1")).name == "Ada"
    run(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
    assert run(users.get("1")).name == "Ada Lovelace"
    assert users.db.execute("SELECT name FROM users WHERE id = '1'").fetchone() == ("Ada Lovelace",)


def test_ttl_is_an_hour_give_or_take_ten_percent(run: Run, example: ModuleType, users: Any) -> None:
    ttls = set()
    for _ in range(50):
        run(users.get("1"))
        ttls.add(run(users.cache.ttl(example.user_key("1"))))
        run(users.cache.delete(example.user_key("1")))
    assert min(ttls) >= 3239 and max(ttls) <= 3960
    assert len(ttls) > 10  # spread, not one value


def test_secrets_stay_out_of_the_cache(run: Run, example: ModuleType, users: Any) -> None:
    run(users.get("1"))
    assert run(users.cache.get(example.user_key("1"))) == '{"id":"1","name":"Ada","email":"ada@example.com"}'


def test_only_its_own_key_is_touched(run: Run, example: ModuleType, users: Any) -> None:
    run(users.cache.set("cache:user:10", "a neighbour"))
    run(users.get("1"))
    run(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
    run(users.get("1"))

    async def keys() -> list[str]:
        return [key async for key in users.cache.scan_iter()]

    assert sorted(run(keys())) == ["cache:user:1", "cache:user:10"]
    assert run(users.cache.get("cache:user:10")) == "a neighbour"


def test_other_redis_errors_surface(
    run: Run, example: ModuleType, own_server: Server, connect: Callable[[str], Any]
) -> None:
    """A wrong type or a wrong password is a bug to mend; counting it as an outage would hide it."""
    users = connect(own_server.url)
    run(users.cache.lpush(example.user_key("1"), "not a string"))
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        run(users.get("1"))
    run(users.cache.config_set("requirepass", "changed"))
    run(users.cache.connection_pool.disconnect())
    with pytest.raises(redis.AuthenticationError):
        run(users.get("1"))
    assert users.stats["cache errors"] == 0


def test_overtaken_reader_leaves_the_old_value_until_its_ttl(run: Run, example: ModuleType, users: Any) -> None:
    """The race that this pattern does not close, as one fixed schedule."""
    load = users.load

    async def load_and_be_overtaken(user_id: str) -> Any:
        user = await load(user_id)
        await users.save(example.User("1", "Ada Lovelace", "ada@example.com"))  # commits, deletes before we set
        return user

    users.load = load_and_be_overtaken
    run(users.get("1"))
    users.load = load
    assert run(users.get("1")).name == "Ada"
    assert 0 < run(users.cache.ttl(example.user_key("1"))) <= 3960


CORRUPT = [
    b"\xff\xfe", "", "{", "null", "5", '"Ada"', '["1", "Ada", "ada@example.com"]', "[" * 100_000,
    '{"id": "1", "name": "Ada"}', '{"id": "1", "name": "Ada", "email": null}', '{"id": "1", "name": 5, "email": "a"}',
    '{"id": "1", "name": "Ada", "email": "a", "password_hash": "secret"}',
]  # fmt: skip


def test_corrupt_value_is_a_counted_miss(run: Run, example: ModuleType, users: Any) -> None:
    key = example.user_key("1")
    for count, corrupt in enumerate(CORRUPT, 1):
        run(users.cache.set(key, corrupt))
        assert run(users.get("1")).name == "Ada"
        assert users.stats["corrupt values"] == users.stats["database reads"] == count
        assert run(users.cache.get(key)) == '{"id":"1","name":"Ada","email":"ada@example.com"}'
        assert run(users.cache.ttl(key)) > 3000
    run(users.get("1"))
    assert users.stats["database reads"] == len(CORRUPT)


def test_moved_is_an_error_not_a_miss(run: Run, cluster: Cluster, connect: Callable[[str], Any]) -> None:
    users = connect(cluster.url)
    moved = 0
    for number in range(20):
        try:
            run(users.get(str(number)))
        except redis.exceptions.MovedError:
            moved += 1
    assert moved == 12  # of these keys, the ones on the other shard
    assert users.stats["cache errors"] == 0
    assert users.stats["database reads"] == 8


def test_full_redis_fails_no_read_and_no_write(
    run: Run, example: ModuleType, own_server: Server, connect: Callable[[str], Any]
) -> None:
    users = connect(own_server.url)
    run(users.cache.config_set("maxmemory", 1))
    assert [run(users.get("1")).name for _ in range(3)] == ["Ada"] * 3
    run(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
    assert users.stats == {"database reads": 3, "refused writes": 3}  # what deletes is not refused


def test_failed_disk_fails_no_read_and_no_write(
    run: Run, example: ModuleType, own_server: Server, connect: Callable[[str], Any]
) -> None:
    """A folder has the name of the snapshot: from then on Redis answers each write with MISCONF."""
    users = connect(own_server.url)
    Path(own_server.dir, "dump.rdb").mkdir()
    run(users.cache.config_set("save", "3600 1"))
    run(users.cache.bgsave())
    while run(users.cache.info("persistence"))["rdb_last_bgsave_status"] != "err":
        time.sleep(0.02)
    assert run(users.get("1")).name == "Ada"
    run(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
    assert run(users.get("1")).name == "Ada Lovelace"
    assert users.stats == {"database reads": 2, "refused writes": 3}


def test_replica_fails_no_read_and_no_write_and_is_left(
    run: Run, example: ModuleType, own_server: Server, connect: Callable[[str], Any]
) -> None:
    """Its address may lead to the new primary by now, so the connection to the old one is dropped."""
    users = connect(own_server.url)
    before = run(users.cache.client_id())
    run(users.cache.replicaof("127.0.0.1", "1"))
    assert run(users.get("1")).name == "Ada"
    assert run(users.cache.client_id()) != before
    run(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
    assert run(users.get("1")).name == "Ada Lovelace"
    assert users.stats == {"database reads": 2, "cache errors": 3}


def test_own_exhausted_pool_is_busy_and_no_outage(
    run: Run, example: ModuleType, own_server: Server, connect: Callable[[str], Any]
) -> None:
    users = connect(own_server.url)
    pool = users.cache.connection_pool
    taken = [run(pool.get_connection()) for _ in range(pool.max_connections)]
    with pytest.raises(redis.ConnectionError, match="No connection available"):
        run(users.get("1"))  # nothing to answer, and Redis was not asked: no reason to ask the database
    run(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
    assert users.stats == {"busy": 2}
    for connection in taken:
        run(pool.release(connection))
    assert run(users.get("1")).name == "Ada Lovelace"


def test_readers_of_a_frozen_redis_that_outnumber_the_pool_get_their_rows(
    run: Run, own_server: Server, connect: Callable[[str], Any]
) -> None:
    """The pool is exhausted then, but because Redis hangs: an outage, and not our own limit."""
    users = connect(own_server.url)
    run(users.get("1"))
    own_server.freeze()

    async def read_all() -> list[Any]:
        return await asyncio.gather(*(users.get("1") for _ in range(300)))

    assert [user.name for user in run(read_all())] == ["Ada"] * 300
    assert users.stats.keys() == {"cache errors", "database reads"}


def test_mistake_surfaces_only_to_who_has_no_answer_yet(
    run: Run, example: ModuleType, own_server: Server, connect: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A user that may read and not write: the row is there, the commit is done, so it is logged, loudly."""
    users = connect(own_server.url)
    run(users.cache.execute_command("ACL", "SETUSER", "default", "-@write"))
    assert run(users.get("1")).name == "Ada"
    run(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
    assert users.stats == {"database reads": 1, "mistakes": 2}
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2


# What asyncio adds


def test_more_readers_than_connections_wait_for_one(
    run: Run, own_server: Server, connect: Callable[[str], Any]
) -> None:
    users = connect(own_server.url)
    pool = users.cache.connection_pool  # whose half second is not claimed here: a busy machine needs more
    pool.timeout = pool.connection_kwargs["socket_timeout"] = pool.connection_kwargs["socket_connect_timeout"] = 20

    async def read_all() -> list[Any]:
        return await asyncio.gather(*(users.get("1") for _ in range(300)))

    assert {user.name for user in run(read_all())} == {"Ada"}
    assert users.stats["cache errors"] == 0
    assert len(run(users.cache.client_list())) == 20  # as connect says


async def until_it_waits() -> None:
    """Let the other task go on until it has sent its command. A frozen server answers to nothing."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_cancelled_reader_leaves_its_reply_to_nobody(
    run: Run, own_server: Server, connect: Callable[[str], Any]
) -> None:
    """The next task gets the answer to its own question, though there is one connection for both."""
    users = connect(own_server.url)
    users.cache.connection_pool.max_connections = 1

    async def read_and_cancel() -> None:
        await users.get("1")
        own_server.freeze()
        reader = asyncio.create_task(users.get("1"))
        await until_it_waits()
        reader.cancel()
        await asyncio.wait([reader])
        own_server.thaw()
        assert reader.cancelled()
        assert (await users.get("2")).name == "Grace"

    run(read_and_cancel())
    assert users.stats["cache errors"] == users.stats["corrupt values"] == 0


@pytest.mark.parametrize("times", [1, 2, 3])
def test_cancelled_writer_deletes_the_key_all_the_same(
    run: Run, example: ModuleType, own_server: Server, connect: Callable[[str], Any], times: int
) -> None:
    """While it waits for the one connection, which a reader has; some frameworks cancel a task until it has ended."""
    users = connect(own_server.url)
    users.cache.connection_pool.max_connections = 1

    async def save_and_cancel() -> None:
        await users.get("1")
        await users.get("2")
        own_server.freeze()
        reader = asyncio.create_task(users.get("2"))
        await until_it_waits()
        writer = asyncio.create_task(users.save(example.User("1", "Ada Lovelace", "ada@example.com")))
        await until_it_waits()
        for _ in range(times):
            writer.cancel()
            await until_it_waits()
            assert not writer.done()  # it sees to the delete first
        own_server.thaw()
        await asyncio.wait([reader, writer])
        assert writer.cancelled()
        assert (await users.get("1")).name == "Ada Lovelace"

    run(save_and_cancel())
    assert users.stats["cache errors"] == 0
