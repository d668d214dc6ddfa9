"""What the page claims of single flight in one process, in Python."""

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


class Joined(dict[str, Any]):
    """The flights under way; it knows how many callers have joined one."""

    def __init__(self) -> None:
        super().__init__()
        self.count = threading.Semaphore(0)

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        if found is not None:
            self.count.release()
        return found


def callers_that_share_a_flight(books: Any, count: int, load: Any) -> list[Any]:
    """Let callers ask; the load goes on when all others have joined its flight. Return what each got."""
    joined = books.flights.flights = Joined()

    def load_when_all_have_joined(category: str) -> Any:
        for _ in range(count - 1):
            assert joined.count.acquire(timeout=10)
        return load(category)

    def ask(_: int) -> Any:
        try:
            return books.get("scifi")
        except RuntimeError as error:
            return str(error)

    books.load = load_when_all_have_joined
    with ThreadPoolExecutor(count) as callers:
        answers = list(callers.map(ask, range(count)))
    assert joined == {}
    return answers


@pytest.fixture
def books(example: ModuleType, redis_url: str) -> Any:
    return example.Bestsellers(example.connect(redis_url), None)


def test_fifty_callers_in_one_process_load_once(books: Any) -> None:
    loads: list[str] = []

    def load(category: str) -> Any:
        loads.append(category)
        return ["Dune"]

    assert callers_that_share_a_flight(books, 50, load) == [["Dune"]] * 50
    assert loads == ["scifi"]


def test_failed_load_reaches_all_who_wait_and_is_forgotten(books: Any) -> None:
    loads: list[str] = []

    def fail(category: str) -> Any:
        loads.append(category)
        raise RuntimeError("the database is down")

    answers = callers_that_share_a_flight(books, 10, fail)
    assert answers == ["the database is down"] * 10
    assert loads == ["scifi"]
    books.load = lambda _: ["Dune"]
    assert books.get("scifi") == ["Dune"]


def test_fifty_callers_in_one_process_send_one_get(example: ModuleType, own_server: Server) -> None:
    books = example.Bestsellers(example.connect(own_server.url), None)
    callers_that_share_a_flight(books, 50, lambda _: ["Dune"])
    calls = {name: stat["calls"] for name, stat in books.cache.info("commandstats").items()}
    assert (calls["cmdstat_get"], calls["cmdstat_set"]) == (1, 1)


def test_two_processes_with_single_flight_load_twice(example: ModuleType, redis_url: str) -> None:
    loads, both = [], threading.Barrier(2)

    def load(category: str) -> Any:
        loads.append(category)
        both.wait(10)
        return ["Dune"]

    processes = [example.Bestsellers(example.connect(redis_url), load) for _ in range(2)]
    with ThreadPoolExecutor(2) as callers:
        list(callers.map(lambda books: books.get("scifi"), processes))
    assert len(loads) == 2


def test_callers_of_different_keys_do_not_wait_for_each_other(books: Any) -> None:
    both = threading.Barrier(2)

    def load(category: str) -> Any:
        both.wait(10)  # breaks unless both load at the same time
        return [category]

    books.load = load
    hostile = ["*", "ключ\n" + "x" * 10_000]
    with ThreadPoolExecutor(2) as callers:
        assert list(callers.map(books.get, hostile)) == [[category] for category in hostile]


def test_single_flight_works_without_redis(example: ModuleType, own_server: Server) -> None:
    books = example.Bestsellers(example.connect(own_server.url), lambda _: ["Dune"])
    own_server.kill()
    assert books.get("scifi") == ["Dune"]
    assert books.stats["cache errors"] == 2


def test_read_after_a_commit_joins_no_flight_from_before_it(books: Any) -> None:
    row, began, go = ["old"], threading.Event(), threading.Event()

    def load(category: str) -> Any:
        found = list(row)
        if not began.is_set():
            began.set()
            assert go.wait(20)
        return found

    books.load = load
    with ThreadPoolExecutor(1) as callers:
        reader = callers.submit(books.get, "scifi")
        assert began.wait(20)
        row[0] = "new"  # the writer commits,
        books.changed("scifi")  # says so,
        assert books.get("scifi") == ["new"]  # and reads
        go.set()
        assert reader.result(20) == ["old"]
    assert books.get("scifi") == ["new"]  # what the old flight had loaded was not stored


def test_load_that_ends_during_the_delete_is_not_stored(example: ModuleType, books: Any) -> None:
    began, go, delete = threading.Event(), threading.Event(), books.cache.delete

    def load(category: str) -> Any:
        began.set()
        assert go.wait(20)
        return ["old"]

    def delete_and_let_it_end(key: str) -> Any:
        found = delete(key)
        go.set()
        assert reader.result(20) == ["old"]
        return found

    books.load, books.cache.delete = load, delete_and_let_it_end
    with ThreadPoolExecutor(1) as callers:
        reader = callers.submit(books.get, "scifi")
        assert began.wait(20)
        books.changed("scifi")
    assert books.cache.exists(example.cache_key("scifi")) == 0


# A flight is under way in the parent, and nobody in the child would end it.
FORK = """
import os, sys, threading
from pathlib import Path
from harness.load import load
program = load(Path(sys.argv[1]))
began, go = threading.Event(), threading.Event()

def slow(category):
    began.set()
    assert go.wait(60)
    return ["parent"]

books = program.Bestsellers(program.connect(sys.argv[2]), slow)
threading.Thread(target=books.get, args=["scifi"]).start()
assert began.wait(20)
if os.fork():
    child = os.waitstatus_to_exitcode(os.wait()[1])
    go.set()
    sys.exit(child)
books.load = lambda category: ["child"]
answer = []
reader = threading.Thread(target=lambda: answer.append(books.get("scifi")), daemon=True)
reader.start()
reader.join(20)
os._exit(answer != [["child"]])
"""


def test_forked_process_waits_for_no_flight_of_its_parent(example: ModuleType, redis_url: str) -> None:
    command = [sys.executable, "-c", FORK, str(example.__file__), redis_url]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_each_caller_of_a_flight_gets_a_list_of_its_own(books: Any) -> None:
    answers = callers_that_share_a_flight(books, 10, lambda _: ["Dune"])
    answers[0].clear()
    assert answers[1:] == [["Dune"]] * 9


def test_corrupt_value_in_a_flight_is_a_counted_miss(example: ModuleType, books: Any) -> None:
    books.load = lambda _: ["Dune"]
    for count, corrupt in enumerate((b"\xff\xfe", "", "not json", "NaN", "[1]", '{"value": []}', "[" * 100_000), 1):
        books.cache.set(example.cache_key("scifi"), corrupt)
        assert books.get("scifi") == ["Dune"]
        assert books.cache.get(example.cache_key("scifi")) == '["Dune"]'
        assert books.stats == {"corrupt values": count}


@pytest.mark.parametrize("titles", [[float("nan")], [Decimal("1.5")], [date(2026, 11, 28)], [{(1, 2): 3}]], ids=str)
def test_what_a_flight_cannot_store_it_returns(example: ModuleType, books: Any, titles: Any) -> None:
    books.load = lambda _: titles
    assert str(books.get("scifi")) == str(titles)
    assert books.cache.exists(example.cache_key("scifi")) == 0
    assert books.stats == {"mistakes": 1}
