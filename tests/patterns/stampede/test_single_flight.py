"""What the page claims of single flight in one process, in Python."""

import threading
from concurrent.futures import ThreadPoolExecutor
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
