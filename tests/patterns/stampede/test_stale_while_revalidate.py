"""What the page claims of stale-while-revalidate, in Python."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from harness.servers import Server


class Database:
    """Loads version after version. A load can be held up, and made to fail."""

    def __init__(self) -> None:
        self.loads, self.broken = 0, False
        self.go, self.loading = threading.Event(), threading.Event()
        self.go.set()

    def load(self, category: str) -> Any:
        self.loads += 1
        version = self.loads
        self.loading.set()
        assert self.go.wait(10)
        if self.broken:
            raise ConnectionRefusedError("the database is down")
        return [f"{category} {version}"]


@pytest.fixture
def db() -> Database:
    return Database()


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def books(example: ModuleType, redis_url: str, db: Database, clock: list[float]) -> Any:
    return example.Bestsellers(example.connect(redis_url), db.load, lambda: clock[0])


def test_fresh_value_is_served_without_a_refresh(
    example: ModuleType, books: Any, db: Database, clock: list[float]
) -> None:
    assert books.get("scifi") == ["scifi 1"]
    clock[0] += example.FRESH - 1
    assert books.get("scifi") == ["scifi 1"]
    assert books.refreshing is None
    assert db.loads == 1
    assert example.TTL - 10 < books.cache.ttl(example.cache_key("scifi")) <= example.TTL  # the hard expiry


def test_fifty_readers_of_a_stale_value_wait_for_nothing_and_load_once(
    example: ModuleType, books: Any, db: Database, clock: list[float]
) -> None:
    books.get("scifi")
    clock[0] += example.FRESH
    db.go.clear()  # the load is under way as long as they read
    with ThreadPoolExecutor(50) as readers:
        assert list(readers.map(books.get, ["scifi"] * 50)) == [["scifi 1"]] * 50
    db.go.set()
    books.refreshing.result(10)
    assert books.get("scifi") == ["scifi 2"]
    assert db.loads == 2
    assert list(books.cache.scan_iter("lock:*")) == []


def test_failed_revalidation_keeps_the_stale_value(
    example: ModuleType, books: Any, db: Database, clock: list[float]
) -> None:
    books.get("scifi")
    clock[0] += example.FRESH
    db.broken = True
    for _ in range(20):
        assert books.get("scifi") == ["scifi 1"]
        books.refreshing.result(10)
    assert db.loads == 2  # the lock stays, and delays the next try
    assert books.stats["failed refreshes"] == 1
    assert 0 < books.cache.ttl(example.lock_key("scifi")) <= example.LOCK_TTL


def test_delete_during_a_revalidation_is_not_undone(
    example: ModuleType, books: Any, db: Database, clock: list[float]
) -> None:
    books.get("scifi")
    clock[0] += example.FRESH
    db.go.clear()
    db.loading.clear()
    books.get("scifi")
    assert db.loading.wait(10)
    books.cache.delete(example.cache_key("scifi"))  # a writer has changed the rows
    db.go.set()
    books.refreshing.result(10)
    assert books.cache.exists(example.cache_key("scifi")) == 0


def test_reader_that_is_late_for_a_revalidation_does_not_repeat_it(
    example: ModuleType, books: Any, db: Database, clock: list[float]
) -> None:
    books.get("scifi")
    clock[0] += example.FRESH
    start_refresh = books.start_refresh

    def be_overtaken_and_start(category: str) -> None:
        books.start_refresh = start_refresh
        books.get(category)
        books.refreshing.result(10)
        start_refresh(category)

    books.start_refresh = be_overtaken_and_start
    assert books.get("scifi") == ["scifi 1"]
    books.refreshing.result(10)
    assert db.loads == 2
    assert list(books.cache.scan_iter("lock:*")) == []


def test_redis_down_loads_instead_of_serving_stale(example: ModuleType, own_server: Server, db: Database) -> None:
    books = example.Bestsellers(example.connect(own_server.url), db.load)
    books.get("scifi")
    own_server.kill()
    assert books.get("scifi") == ["scifi 2"]
    assert books.stats["cache errors"] == 2


def test_hostile_categories_stay_apart(books: Any, db: Database) -> None:
    for category in ("*", "' OR '1'='1", "ключ\n", "x" * 10_000):
        first = books.get(category)
        assert books.get(category) == first
    assert db.loads == 4


def test_old_value_is_served_for_six_minutes_at_most(example: ModuleType, books: Any, clock: list[float]) -> None:
    """The bound is the key's TTL: no clock of ours moves it, and no read prolongs it."""
    key = example.cache_key("scifi")
    books.get("scifi")
    assert 350 < books.cache.ttl(key) <= example.TTL == 360
    clock[0] -= 3600  # set back: it now says fresh for an hour
    books.cache.expire(key, 100)
    assert books.get("scifi") == ["scifi 1"]
    assert books.cache.ttl(key) <= 100
    books.cache.delete(key)  # its time is up
    assert books.get("scifi") == ["scifi 2"]


CORRUPT = [
    b"\xff\xfe", "", "not json", "null", "5", "NaN", '["Dune"]', '{"value":["Dune"]}', "[" * 100_000,
    '{"value":["Dune"],"fresh_until":NaN}', '{"value":["Dune"],"fresh_until":null}', '{"value":[1],"fresh_until":5}',
]  # fmt: skip


def test_corrupt_entry_is_a_counted_miss(example: ModuleType, books: Any) -> None:
    key = example.cache_key("scifi")
    for count, corrupt in enumerate(CORRUPT, 1):
        books.cache.set(key, corrupt)
        assert books.get("scifi") == [f"scifi {count}"]
        assert books.cache.get(key) == f'{{"value":["scifi {count}"],"fresh_until":1060}}'  # so in each language
        assert books.stats == {"corrupt values": count}


def test_refused_refresh_keeps_the_stale_value(
    example: ModuleType, own_server: Server, db: Database, clock: list[float]
) -> None:
    books = example.Bestsellers(example.connect(own_server.url), db.load, lambda: clock[0])
    books.get("scifi")
    clock[0] += example.FRESH
    books.cache.config_set("maxmemory", 1)
    assert books.get("scifi") == ["scifi 1"]
    assert (db.loads, books.stats) == (1, {"refused writes": 1})


@pytest.mark.parametrize("titles", [[float("nan")], [Decimal("1.5")], [date(2026, 11, 28)], [{(1, 2): 3}]], ids=str)
def test_what_cannot_be_an_entry_is_returned_and_not_stored(example: ModuleType, books: Any, titles: Any) -> None:
    books.load = lambda _: titles
    assert books.get("scifi") == titles
    assert books.cache.exists(example.cache_key("scifi")) == 0
    assert books.stats == {"mistakes": 1}


# A parent that has refreshed forks. The child's first refresh has to end too, and to leave no lock.
FORK = """
import os, sys
from pathlib import Path
from harness.load import load
program = load(Path(sys.argv[1]))
clock = [1000.0]
books = program.Bestsellers(program.connect(sys.argv[2]), lambda category: [category], lambda: clock[0])
books.get("scifi")
for process in ("parent", "child"):
    clock[0] += program.FRESH
    books.get("scifi")
    books.refreshing.result(20)
    assert books.stats["refreshes"] == 1 + (process == "child")
    assert not list(books.cache.scan_iter("lock:*"))
    if process == "parent" and os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_forked_process_refreshes_too(example: ModuleType, redis_url: str) -> None:
    command = [sys.executable, "-c", FORK, str(example.__file__), redis_url]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
