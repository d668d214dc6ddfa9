"""What the write-behind page claims of the worker, in Python. A worker that is killed is a real process."""

import random
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.load import load
from harness.servers import Server
from practice.demo_write_behind import DEAD, FOLDER, GROUP, STREAM, Shop, accept, eventually

HOSTILE = ("1 OR 1=1", "1' OR '1'='1", "*", "cart:1", "1; DROP TABLE carts", "ключ\n", "{1}", "x" * 10_000)


@pytest.fixture
def shop(own_server: Server, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(own_server.url, tmp_path / "shop.db")
    yield shop
    shop.close()


@pytest.fixture
def carts(shop: Shop) -> Any:
    return load(FOLDER / "write_behind.py").Carts(shop.cache, shop.db)


@pytest.fixture
def writer(example: ModuleType, shop: Shop) -> Any:
    """A worker in this process, which claims at once."""
    db = sqlite3.connect(shop.database, timeout=0.05, check_same_thread=False)
    # not as shipped: who waits half a minute to claim is tried below
    return example.Writer(example.connect(shop.url), db, claim_after_ms=0)


def test_worker_writes_each_cart_and_empties_the_stream(shop: Shop, carts: Any, writer: Any, example: Any) -> None:
    latest = {str(number % 7): accept(carts, str(number % 7), {"pen": number}) for number in range(50)}
    writer.run(until_empty=True)
    assert {key: version for key, (version, _) in shop.rows().items()} == {
        key: example.sortable(version) for key, version in latest.items()
    }
    assert shop.rows()["0"][1] == '{"pen":49}'
    assert (shop.cache.xlen(STREAM), shop.cache.xpending(STREAM, GROUP)["pending"]) == (0, 0)


def test_worker_crash_before_ack_redelivers_and_row_written_once(shop: Shop, carts: Any, example: Any) -> None:
    worker = shop.start()
    shop.wait_until_it_reads(worker)
    entry = shop.stop_between_commit_and_ack(worker, lambda: accept(carts, "1", {"pen": 1}))
    shop.kill(worker)
    shop.resume()
    assert entry in [waiting for waiting, _ in shop.cache.xrange(STREAM)]  # committed, and not acknowledged
    written = [row for row in shop.db.execute("SELECT * FROM log") if row[1] == example.sortable(entry)]
    assert len(written) == 1
    assert shop.cache.ttl("cart:1") == -1

    shop.start()
    eventually(shop.drained, "the second worker has caught up")
    assert [row for row in shop.db.execute("SELECT * FROM log") if row[1] == example.sortable(entry)] == written
    assert shop.rows()["1"][0] >= example.sortable(entry)
    assert 0 < shop.cache.ttl("cart:1") <= 3600
    assert shop.terminate() == [0]


def test_worker_crash_before_commit_redelivers(shop: Shop, carts: Any, example: Any) -> None:
    worker = shop.start()
    shop.wait_until_it_reads(worker)
    entry = shop.stop_between_read_and_commit(worker, lambda: accept(carts, "1", {"pen": 1}))
    shop.kill(worker)
    shop.db.execute("ROLLBACK")
    assert entry in [waiting for waiting, _ in shop.cache.xrange(STREAM)]
    assert shop.rows().get("1", ("",))[0] < example.sortable(entry)
    shop.start()
    eventually(shop.drained, "the second worker has caught up")
    assert shop.rows()["1"][0] >= example.sortable(entry)


def test_redelivered_old_entry_does_not_overwrite_newer_row(shop: Shop, carts: Any, writer: Any, example: Any) -> None:
    accept(carts, "1", {"pen": "old"})
    newer = accept(carts, "1", {"pen": "new"})
    shop.cache.xreadgroup(GROUP, "dies with it", {STREAM: ">"}, count=1)
    [entry] = writer.read()
    writer.handle(*entry)
    [old] = writer.claim()
    assert old[1]["data"] == '{"pen":"old"}'
    writer.handle(*old)
    assert shop.rows() == {"1": (example.sortable(newer), '{"pen":"new"}')}
    assert shop.db.execute("SELECT count(*) FROM log").fetchone() == (1,)
    assert shop.drained()


def test_a_flushed_cart_gets_its_ttl_only_if_nothing_newer_waits(shop: Shop, carts: Any, writer: Any) -> None:
    accept(carts, "1", {"pen": 1})
    [entry] = writer.read()
    newer = accept(carts, "1", {"pen": 2})
    writer.handle(*entry)
    assert shop.cache.ttl("cart:1") == -1  # the newer value is in Redis alone
    assert carts.get("1") == {"pen": 2}
    writer.run(until_empty=True)
    assert 3500 < shop.cache.ttl("cart:1") <= 3600
    assert shop.cache.hget("cart:1", "version") == newer


def test_an_entry_that_the_database_refuses_stays_pending(shop: Shop, carts: Any, writer: Any) -> None:
    poison = [
        shop.cache.xadd(STREAM, fields) for fields in ({"id": "1", "data": "no JSON"}, {"id": "1"}, {"data": "{}"})
    ]
    accept(carts, "2", {"pen": 1})
    for entry in writer.read():
        writer.handle(*entry)
    assert writer.stats["refused"] == 3
    assert set(shop.rows()) == {"2"}  # the others go on
    assert [entry for entry, _ in shop.cache.xrange(STREAM)] == poison
    assert shop.cache.xpending(STREAM, GROUP)["pending"] == 3


def test_while_the_database_is_down_nothing_is_taken(shop: Shop, carts: Any, writer: Any) -> None:
    accept(carts, "1", {"pen": 1})
    shop.db.execute("BEGIN IMMEDIATE")
    running = threading.Thread(target=writer.run, args=(True,), daemon=True)
    running.start()
    eventually(lambda: writer.stats["database errors"] >= 3, "the worker has met the outage")
    assert shop.cache.xpending(STREAM, GROUP)["pending"] == 0  # no delivery that counts towards the dead letter
    shop.db.execute("ROLLBACK")
    running.join(20)
    assert set(shop.rows()) == {"1"}
    assert shop.drained()


def test_a_worker_goes_on_after_a_lost_connection(shop: Shop, carts: Any, writer: Any) -> None:
    running = threading.Thread(target=writer.run, daemon=True)
    running.start()

    def cut() -> bool:
        for client in shop.cache.client_list():
            if client["cmd"] == "xreadgroup" and "b" in client["flags"]:  # it waits in there
                shop.cache.client_kill_filter(_id=client["id"])
        return bool(writer.stats["cache errors"])

    eventually(cut, "the worker has lost its connection")
    accept(carts, "1", {"pen": 1})
    eventually(shop.drained, "the worker has caught up")
    writer.stopping = True
    running.join(20)
    assert set(shop.rows()) == {"1"}


def pass_time(cache: Any, milliseconds: int) -> None:
    """Let entries lie for so much longer, as Redis counts it, without waiting for that."""
    for held in cache.xpending_range(STREAM, GROUP, "-", "+", 1000):
        cache.xclaim(
            STREAM, GROUP, held["consumer"], 0, [held["message_id"]], justid=True,
            idle=held["time_since_delivered"] + milliseconds, retrycount=held["times_delivered"],
        )  # fmt: skip


def test_a_poison_entry_is_buried_at_the_constants_that_ship(shop: Shop, carts: Any, example: Any) -> None:
    dead_letter = load(FOLDER / "dead_letter.py")
    assert example.MAX_DELIVERIES == dead_letter.MAX_DELIVERIES
    assert example.CLAIM_AFTER_MS < dead_letter.IDLE_MS
    writers = [example.Writer(example.connect(shop.url), sqlite3.connect(shop.database)) for _ in range(3)]
    shop.cache.xadd(STREAM, {"id": "1", "data": "no JSON"})
    accept(carts, "2", {"pen": 1})
    writers[0].turn()
    for second in range(0, 360, 5):
        for writer in writers:
            for entry in writer.claim():
                writer.handle(*entry)
        if second % 60 == 0 and dead_letter.bury(shop.cache):
            break
        pass_time(shop.cache, 5000)
    assert 180 <= second <= 240
    assert [fields["id"] for _, fields in shop.cache.xrange(DEAD)] == ["1"]
    assert sum(writer.stats["refused"] for writer in writers) == 5
    assert (shop.drained(), set(shop.rows())) == (True, {"2"})


def test_good_entries_behind_one_that_kills_its_worker_are_written(shop: Shop, carts: Any, example: Any) -> None:
    dead_letter = load(FOLDER / "dead_letter.py")
    accept(carts, "killer", {"big": 1})
    for number in range(15):
        accept(carts, f"good {number}", {"pen": number})  # all of them in one batch

    class Dies(example.Writer):
        def handle(self, entry_id: str, fields: dict[str, str]) -> None:
            if fields["id"] == "killer":
                raise SystemExit
            super().handle(entry_id, fields)

    def outlives() -> bool:
        try:
            Dies(example.connect(shop.url), sqlite3.connect(shop.database)).run(until_empty=True)
        except SystemExit:
            return False
        return True

    assert not outlives()  # it had all of them
    assert outlives()  # nothing is old enough to be claimed
    pass_time(shop.cache, example.CLAIM_AFTER_MS)
    assert not outlives()
    assert outlives()  # the next one leaves the killer alone: it came to another just now
    assert len(shop.rows()) == 15
    for _ in range(3):
        pass_time(shop.cache, example.CLAIM_AFTER_MS)
        assert not outlives()
    pass_time(shop.cache, dead_letter.IDLE_MS)
    assert outlives()  # the killer has had its five
    assert dead_letter.bury(shop.cache) == 1
    assert [fields["id"] for _, fields in shop.cache.xrange(DEAD)] == ["killer"]
    assert shop.drained()


@pytest.mark.parametrize("fields", [
    {"id": b"1", "data": b"\xff"}, {"id": b"\xff", "data": b"\xff"}, {b"\xff": b"\xff"}, {"id": "1", "data": "NaN"},
])  # fmt: skip
def test_bytes_of_another_producer_end_no_worker(
    shop: Shop, carts: Any, writer: Any, fields: dict[str | bytes, str | bytes]
) -> None:
    with redis.Redis.from_url(shop.url) as other:
        other.xadd(STREAM, fields)
        accept(carts, "2", {"pen": 1})
        writer.run(until_empty=True)
        assert (writer.stats["refused"], writer.stats["settled"]) == (5, 1)
        assert load(FOLDER / "dead_letter.py").bury(shop.cache, idle_ms=0) == 1
        [(_, kept)] = other.xrange(DEAD)
        assert {key: value for key, value in kept.items() if key != b"entry"} == {
            key if isinstance(key, bytes) else key.encode(): value if isinstance(value, bytes) else value.encode()
            for key, value in fields.items()
        }


def test_an_outage_of_the_database_is_no_attempt(shop: Shop, carts: Any, writer: Any, example: Any) -> None:
    accept(carts, "1", {"pen": 1})
    writer.db.execute("CREATE TEMP TRIGGER fails BEFORE INSERT ON carts BEGIN SELECT no_such_function(); END")
    for _ in range(2 * example.MAX_DELIVERIES):
        assert writer.turn() is None
    assert writer.stats["database errors"] == 2 * example.MAX_DELIVERIES
    [held] = shop.cache.xpending_range(STREAM, GROUP, "-", "+", 10)
    assert held["times_delivered"] == 1
    writer.db.execute("DROP TRIGGER fails")
    writer.run(until_empty=True)
    assert set(shop.rows()) == {"1"}


def test_the_worker_makes_a_group_that_is_gone(shop: Shop, carts: Any, writer: Any) -> None:
    def write_one() -> None:
        cart = str(len(shop.rows()))
        accept(carts, cart, {"pen": 1})
        eventually(lambda: cart in shop.rows(), "the row is written")

    running = threading.Thread(target=writer.run, daemon=True)
    running.start()
    write_one()
    shop.cache.flushall()
    write_one()
    shop.cache.xgroup_destroy(STREAM, GROUP)
    write_one()
    shop.cache.delete(STREAM)
    write_one()
    writer.stopping = True
    running.join(20)
    assert writer.stats["no group"] == 3
    assert writer.stats["settled"] == 4


def test_a_worker_outlives_an_empty_restart(shop: Shop, carts: Any, writer: Any, own_server: Server) -> None:
    running = threading.Thread(target=writer.run, daemon=True)
    running.start()
    accept(carts, "1", {"pen": 1})
    eventually(lambda: shop.rows(), "the row is written")
    own_server.kill()
    own_server.start()
    shop.cache.ping()
    accept(carts, "2", {"pen": 1})
    eventually(lambda: "2" in shop.rows(), "the row is written")
    assert running.is_alive()
    writer.stopping = True
    running.join(20)


def test_a_worker_waits_while_redis_refuses_writes(shop: Shop, carts: Any, writer: Any, own_server: Server) -> None:
    accept(carts, "1", {"pen": 1})
    dump = Path(own_server.dir, "dump.rdb")
    dump.mkdir()
    shop.cache.config_set("save", "3600 1")
    shop.cache.bgsave()
    eventually(lambda: shop.cache.info("persistence")["rdb_last_bgsave_status"] == "err", "the disk has failed")
    assert writer.turn() is None
    assert writer.stats == {"refused writes": 1}
    shop.cache.config_set("save", "")
    writer.run(until_empty=True)
    assert set(shop.rows()) == {"1"}


def test_a_mistake_ends_the_worker(shop: Shop, writer: Any) -> None:
    shop.cache.set(STREAM, "no stream")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        writer.run()
    assert writer.stats == {"mistakes": 1}


def test_a_cart_of_another_type_holds_up_no_entry(shop: Shop, carts: Any, writer: Any) -> None:
    accept(carts, "1", {"pen": 1})
    shop.cache.delete("cart:1")
    shop.cache.rpush("cart:1", "a list")
    writer.run(until_empty=True)
    assert (set(shop.rows()), shop.drained()) == ({"1"}, True)


def test_a_full_redis_can_still_be_drained(shop: Shop, carts: Any, writer: Any) -> None:
    for number in range(100):
        accept(carts, str(number), {"pen": 1})
    shop.cache.config_set("maxmemory", 1)
    writer.run(until_empty=True)
    assert len(shop.rows()) == 100
    assert shop.drained()


def test_sigterm_finishes_the_entry_in_hand(shop: Shop, carts: Any, example: Any) -> None:
    worker = shop.start()
    shop.wait_until_it_reads(worker)

    def add() -> None:
        with shop.cache.pipeline(transaction=True) as both:  # so that one read returns both
            both.xadd(STREAM, {"id": "in hand", "data": "{}"}).xadd(STREAM, {"id": "next", "data": "{}"}).execute()

    shop.stop_between_commit_and_ack(worker, add)  # a read alone may still be on its way to it: it may leave that
    waiting = shop.cache.xlen(STREAM)
    worker.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.3)  # it does not leave the entry
    shop.resume()
    assert worker.wait(20) == 0
    shop.workers.remove(worker)
    assert "in hand" in shop.rows()
    assert shop.cache.xlen(STREAM) == waiting - 1  # acknowledged; and what it had not begun waits
    shop.start()
    eventually(shop.drained, "another worker takes the rest")
    assert "next" in shop.rows()


def test_entry_ids_sort_as_their_numbers_do(example: ModuleType) -> None:
    ids = ["9-9", "9-10", "10-1", "1732441234567-0", "1732441234567-10", f"{2**64 - 1}-{2**64 - 1}"]
    assert sorted(random.sample(ids, len(ids)), key=example.sortable) == ids


def test_any_cart_id_reaches_its_own_row(shop: Shop, carts: Any, writer: Any) -> None:
    for hostile in HOSTILE:
        accept(carts, hostile, {"note": "'); DROP TABLE carts; --"})
    writer.run(until_empty=True)
    assert set(shop.rows()) == set(HOSTILE)
    assert all(0 < shop.cache.ttl(f"cart:{hostile}") <= 3600 for hostile in HOSTILE)


@pytest.mark.long
def test_no_accepted_write_is_lost_over_fifty_sigkills(shop: Shop, example: ModuleType) -> None:
    write_behind, stop, faults = load(FOLDER / "write_behind.py"), threading.Event(), []
    latest: dict[str, str] = {}

    def keep_writing(mine: str) -> None:
        try:
            with sqlite3.connect(shop.database) as db:
                carts = write_behind.Carts(example.connect(shop.url), db)
                number = 0
                while not stop.wait(0.005):
                    number += 1
                    key = f"{mine}{number % 10}"
                    latest[key] = accept(carts, key, {"pen": number})
        except Exception as fault:
            faults.append(fault)

    writers = [threading.Thread(target=keep_writing, args=(mine,), daemon=True) for mine in "ab"]
    dice = random.Random(3)
    kills = {"random": 0, "before commit": 0, "before ack": 0}
    for _ in range(3):
        shop.start()
    for thread in writers:
        thread.start()
    extra = write_behind.Carts(shop.cache, shop.db)
    try:
        for number in range(50):
            # an entry that five workers took into their graves is buried, and rightly so: let them live that it came to
            eventually(lambda: shop.most_deliveries() < 3, "workers settle what came to them three times")
            victim = shop.workers[0]
            shop.wait_until_it_reads(victim)
            if number % 5 == 3:
                kind = "before commit"
                shop.stop_between_read_and_commit(victim, lambda: latest.update(x=accept(extra, "x", {})))
            elif number % 5 == 4:
                kind = "before ack"
                shop.stop_between_commit_and_ack(victim, lambda: latest.update(x=accept(extra, "x", {})))
            else:
                kind = "random"
                time.sleep(dice.uniform(0, 0.03))
            kills[kind] += 1
            shop.kill(victim)
            if kind == "before commit":
                shop.db.execute("ROLLBACK")
            elif kind == "before ack":
                shop.resume()
            shop.start()
    finally:
        stop.set()
        for thread in writers:
            thread.join()
    assert not faults
    assert kills == {"random": 30, "before commit": 10, "before ack": 10}
    eventually(shop.drained, "the survivors have caught up")
    assert shop.terminate() == [0, 0, 0]
    assert len(latest) == 21
    assert {key: version for key, (version, _) in shop.rows().items()} == {
        key: example.sortable(version) for key, version in latest.items()
    }
