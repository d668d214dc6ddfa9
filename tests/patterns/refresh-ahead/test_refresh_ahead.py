"""What the refresh-ahead page claims, in Python."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from harness.servers import Server


class Database:
    """Loads version after version of a report. A load can be held up, and made to fail."""

    def __init__(self) -> None:
        self.loads = 0
        self.broken = False
        self.go = threading.Event()
        self.go.set()
        self.loading = threading.Event()

    def load(self, report_id: str) -> Any:
        self.loads += 1
        version = self.loads
        self.loading.set()
        assert self.go.wait(10)
        if self.broken:
            raise ConnectionRefusedError("the database is down")
        return {"month": report_id, "cents": version}


@pytest.fixture
def db() -> Database:
    return Database()


@pytest.fixture
def reports(example: ModuleType, redis_url: str, db: Database) -> Any:
    return example.Reports(example.connect(redis_url), db.load)


def near_its_end(example: ModuleType, reports: Any, report_id: str = "7") -> None:
    """Store a report, and let most of its time go by."""
    assert reports.get(report_id)["cents"] == 1
    reports.cache.expire(example.cache_key(report_id), example.REFRESH_BELOW - 1)
    reports.load.__self__.loading.clear()


def test_cold_key_is_loaded(example: ModuleType, reports: Any, db: Database) -> None:
    assert reports.get("7") == {"month": "7", "cents": 1}
    assert reports.get("7") == {"month": "7", "cents": 1}
    assert db.loads == 1
    assert reports.refreshing is None
    assert 3240 <= reports.cache.ttl(example.cache_key("7")) <= 3960


def test_fifty_readers_start_one_refresh(example: ModuleType, reports: Any, db: Database) -> None:
    near_its_end(example, reports)
    db.go.clear()  # the refresh is under way as long as they read
    together = threading.Barrier(50)

    def read(_: int) -> Any:
        together.wait(10)
        return reports.get("7")["cents"]

    with ThreadPoolExecutor(50) as readers:
        assert list(readers.map(read, range(50))) == [1] * 50  # the old value, at once
    db.go.set()
    reports.refreshing.result(10)
    assert db.loads == 2
    assert reports.get("7")["cents"] == 2
    assert reports.cache.ttl(example.cache_key("7")) >= 3239
    assert list(reports.cache.scan_iter("lock:*")) == []


def test_persistent_key_never_refreshes(example: ModuleType, reports: Any, db: Database) -> None:
    near_its_end(example, reports)
    reports.cache.persist(example.cache_key("7"))
    for _ in range(3):
        assert reports.get("7")["cents"] == 1
    assert reports.refreshing is None
    assert db.loads == 1
    assert reports.cache.ttl(example.cache_key("7")) == -1


def test_failed_refresh_keeps_the_old_value(example: ModuleType, reports: Any, db: Database) -> None:
    near_its_end(example, reports)
    db.broken = True
    assert reports.get("7")["cents"] == 1
    reports.refreshing.result(10)  # does not raise
    assert reports.stats["failed refreshes"] == 1
    assert reports.get("7")["cents"] == 1
    assert db.loads == 2


def test_failed_refresh_delays_the_next_one(example: ModuleType, reports: Any, db: Database) -> None:
    near_its_end(example, reports)
    db.broken = True
    reports.get("7")
    reports.refreshing.result(10)
    for _ in range(20):
        assert reports.get("7")["cents"] == 1
    assert db.loads == 2
    assert 0 < reports.cache.ttl(example.lock_key("7")) <= example.LOCK_TTL

    reports.cache.delete(example.lock_key("7"))  # as if its time were up
    db.broken = False
    reports.get("7")
    reports.refreshing.result(10)
    assert reports.get("7")["cents"] == 3


def test_redis_down_loads_reports_from_the_database(example: ModuleType, own_server: Server, db: Database) -> None:
    reports = example.Reports(example.connect(own_server.url), db.load)
    near_its_end(example, reports)
    own_server.kill()
    assert reports.get("7")["cents"] == 2
    assert reports.stats["cache errors"] == 2  # one look, one SET


def test_redis_that_dies_during_a_refresh_harms_no_reader(
    example: ModuleType, own_server: Server, db: Database
) -> None:
    reports = example.Reports(example.connect(own_server.url), db.load)
    near_its_end(example, reports)
    db.go.clear()
    assert reports.get("7")["cents"] == 1
    assert db.loading.wait(10)
    own_server.kill()
    db.go.set()
    reports.refreshing.result(10)
    assert reports.stats["failed refreshes"] == 1
    assert reports.get("7")["cents"] == 3


def test_reader_that_comes_too_late_does_not_refresh_again(example: ModuleType, reports: Any, db: Database) -> None:
    """It saw the old TTL, was slow, and takes the lock when another reader's refresh is done."""
    near_its_end(example, reports)
    look = reports.look

    def look_and_be_overtaken(report_id: str) -> Any:
        seen = look(report_id)
        reports.look = look
        reports.get(report_id)
        reports.refreshing.result(10)
        return seen

    reports.look = look_and_be_overtaken
    assert reports.get("7")["cents"] == 1
    reports.refreshing.result(10)
    assert db.loads == 2
    assert list(reports.cache.scan_iter("lock:*")) == []


def test_delete_during_a_refresh_is_not_undone(example: ModuleType, reports: Any, db: Database) -> None:
    near_its_end(example, reports)
    db.go.clear()
    reports.get("7")
    assert db.loading.wait(10)
    reports.cache.delete(example.cache_key("7"))  # a writer has changed the row
    db.go.set()
    reports.refreshing.result(10)
    assert reports.cache.exists(example.cache_key("7")) == 0


def test_report_that_nobody_reads_expires(example: ModuleType, reports: Any, db: Database) -> None:
    reports.get("7")
    reports.cache.pexpire(example.cache_key("7"), 50)
    deadline = time.monotonic() + 10
    while reports.cache.exists(example.cache_key("7")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert db.loads == 1


def test_value_and_ttl_are_of_one_moment(example: ModuleType, own_server: Server, db: Database) -> None:
    reports = example.Reports(example.connect(own_server.url), db.load)
    reports.get("7")
    reports.cache.config_resetstat()
    reports.get("7")
    calls = {name: stat["calls"] for name, stat in reports.cache.info("commandstats").items()}
    assert {"cmdstat_multi": 1, "cmdstat_get": 1, "cmdstat_pttl": 1, "cmdstat_exec": 1}.items() <= calls.items()


def test_fifty_cold_readers_of_refresh_ahead_all_load(reports: Any) -> None:
    """A refresh ahead of expiry helps only where there is a value."""
    together, loads = threading.Barrier(50), []

    def load(report_id: str) -> Any:
        loads.append(report_id)
        together.wait(10)
        return {"month": report_id, "cents": 1}

    reports.load = load
    with ThreadPoolExecutor(50) as readers:
        list(readers.map(reports.get, ["7"] * 50))
    assert len(loads) == 50


def test_refresh_ahead_works_on_a_cluster(example: ModuleType, one_node_cluster: Server, db: Database) -> None:
    reports = example.Reports(example.connect(one_node_cluster.url), db.load)
    near_its_end(example, reports)
    assert reports.get("7")["cents"] == 1
    reports.refreshing.result(10)
    assert reports.get("7")["cents"] == 2
    assert reports.cache.exists(example.lock_key("7")) == 0


def test_hostile_report_ids_are_keys_like_any_other(reports: Any, db: Database) -> None:
    hostile = ["*", "7' OR '1'='1", "ключ\n", "x" * 10_000, ""]
    for loads, report_id in enumerate(hostile, 1):
        assert reports.get(report_id)["month"] == report_id
        assert reports.get(report_id)["cents"] == loads
    assert db.loads == len(hostile)


CORRUPT = [
    b"\xff\xfe", "", "not json", "null", "5", "NaN", '["7", 1]', '{"month":"7"}', '{"month":"7","cents":NaN}',
    '{"month":"7","cents":1.5}', '{"month":"7","cents":"1"}', '{"month":"7","cents":1,"by":"a newer release"}',
    "[" * 100_000,
]  # fmt: skip


def test_corrupt_report_is_a_counted_miss(example: ModuleType, reports: Any) -> None:
    key = example.cache_key("7")
    for count, corrupt in enumerate(CORRUPT, 1):
        reports.cache.set(key, corrupt)
        assert reports.get("7")["cents"] == count
        assert reports.cache.get(key) == f'{{"month":"7","cents":{count}}}'  # so in each language
        assert reports.stats == {"corrupt values": count}


def test_refused_refresh_keeps_the_old_value(example: ModuleType, own_server: Server, db: Database) -> None:
    reports = example.Reports(example.connect(own_server.url), db.load)
    near_its_end(example, reports)
    reports.cache.config_set("maxmemory", 1)
    assert reports.get("7")["cents"] == 1
    assert (db.loads, reports.stats) == (1, {"refused writes": 1})


@pytest.mark.parametrize("cents", [float("nan"), Decimal("1.5"), date(2026, 11, 28), (1, 2), {(1, 2): 3}], ids=str)
def test_report_that_no_reader_could_read_is_returned_and_not_stored(
    example: ModuleType, reports: Any, cents: Any
) -> None:
    report = {"month": "7", "cents": cents}
    reports.load = lambda _: report
    assert reports.get("7") == report
    assert reports.cache.exists(example.cache_key("7")) == 0
    assert reports.stats == {"mistakes": 1}


# A parent that has refreshed forks. The child's first refresh has to end too, and to leave no lock.
FORK = """
import os, sys
from pathlib import Path
from harness.load import load
program = load(Path(sys.argv[1]))
reports = program.Reports(program.connect(sys.argv[2]), lambda month: {"month": month, "cents": 1})
reports.get("7")
for process in ("parent", "child"):
    reports.cache.expire(program.cache_key("7"), 600)
    reports.get("7")
    reports.refreshing.result(20)
    assert reports.stats["refreshes"] == 1 + (process == "child")
    assert not list(reports.cache.scan_iter("lock:*"))
    if process == "parent" and os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_forked_process_refreshes_reports_too(example: ModuleType, redis_url: str) -> None:
    command = [sys.executable, "-c", FORK, str(example.__file__), redis_url]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
