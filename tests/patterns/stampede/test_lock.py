"""What the stampede page claims of the lock, in Python."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Cluster, Server

# One process of many: its readers start when the key `go` is there, and count their loads in Redis.
PROCESS = """
import importlib.util, sys, time
from concurrent.futures import ThreadPoolExecutor
path, url, readers, seconds = sys.argv[1:]
spec = importlib.util.spec_from_file_location("lock_example", path)
lock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lock)
cache = lock.connect(url)

def load(category):
    cache.incr("loads")
    time.sleep(float(seconds))
    return ["Dune"]

books = lock.Bestsellers(cache, load)
cache.incr("ready")
while not cache.exists("go"):
    time.sleep(0.005)
with ThreadPoolExecutor(int(readers)) as pool:
    answers = list(pool.map(books.get, ["scifi"] * int(readers)))
assert answers == [["Dune"]] * int(readers), answers
"""


class Loads:
    """A database that counts its loads."""

    def __init__(self, seconds: float = 0) -> None:
        self.count, self.seconds, self.counting = 0, seconds, threading.Lock()

    def __call__(self, category: str) -> Any:
        with self.counting:
            self.count += 1
            number = self.count
        time.sleep(self.seconds)
        return [f"load {number}"]


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> Any:
    return example.connect(redis_url)


@pytest.fixture
def processes(example: ModuleType, redis_url: str) -> Iterator[Any]:
    """Start processes of readers; those that still run when the test ends are killed."""
    started: list[subprocess.Popen] = []

    def start(readers: int, seconds: float) -> subprocess.Popen:
        arguments = [str(example.__file__), redis_url, str(readers), str(seconds)]
        started.append(subprocess.Popen([sys.executable, "-c", PROCESS, *arguments]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_until(happens: Any) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_fifty_threads_load_once(example: ModuleType, cache: Any) -> None:
    load, together = Loads(0.2), threading.Barrier(50)
    books = example.Bestsellers(cache, load)

    def read(_: int) -> Any:
        together.wait(10)
        return books.get("scifi")

    with ThreadPoolExecutor(50) as readers:
        assert list(readers.map(read, range(50))) == [["load 1"]] * 50
    assert load.count == 1
    assert cache.exists(example.lock_key("scifi")) == 0
    assert 3240 <= cache.ttl(example.cache_key("scifi")) <= 3960


def test_three_processes_load_once(cache: Any, processes: Any) -> None:
    running = [processes(readers=20, seconds=0.3) for _ in range(3)]
    wait_until(lambda: cache.get("ready") == "3")
    cache.set("go", 1)
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert cache.get("loads") == "1"


def test_reader_that_missed_before_the_store_loads_nothing(example: ModuleType, cache: Any) -> None:
    """The schedule in which a lock without a second look loads twice."""
    load, other = Loads(), Loads()
    take = cache.set

    def be_overtaken_and_take(name: str, *args: Any, **options: Any) -> Any:
        if name == example.lock_key("scifi") and cache.set is not take:
            cache.set = take
            example.Bestsellers(cache, other).get("scifi")  # loads, stores and releases
        return take(name, *args, **options)

    cache.set = be_overtaken_and_take
    assert example.Bestsellers(cache, load).get("scifi") == ["load 1"]
    assert (other.count, load.count) == (1, 0)
    assert cache.exists(example.lock_key("scifi")) == 0


def test_killed_holder_delays_the_next_load_by_at_most_the_lock_ttl(
    example: ModuleType, cache: Any, processes: Any
) -> None:
    holder = processes(readers=1, seconds=60)
    cache.set("go", 1)
    wait_until(lambda: cache.get("loads") == "1")
    holder.kill()
    holder.wait()

    load, started = Loads(), time.monotonic()
    assert example.Bestsellers(cache, load).get("scifi") == ["load 1"]
    assert time.monotonic() - started < 5 + 5  # one poll later, and some time for a busy machine
    assert load.count == 1


def test_all_who_wait_for_a_killed_holder_load_once(example: ModuleType, cache: Any) -> None:
    load = Loads(0.2)
    books = example.Bestsellers(cache, load)
    cache.set(example.lock_key("scifi"), "a killed holder", px=300)
    with ThreadPoolExecutor(50) as readers:
        assert list(readers.map(books.get, ["scifi"] * 50)) == [["load 1"]] * 50
    assert load.count == 1


def test_late_holder_does_not_release_anothers_lock(example: ModuleType, cache: Any) -> None:
    lock = example.lock_key("scifi")

    def slow_load(_: str) -> Any:
        cache.delete(lock)  # its time is up
        assert cache.set(lock, "another's token", nx=True, px=60_000)
        return ["Dune"]

    assert example.Bestsellers(cache, slow_load).get("scifi") == ["Dune"]
    assert cache.get(lock) == "another's token"


def test_late_holder_does_not_overwrite_what_another_stored(example: ModuleType, cache: Any) -> None:
    def slow_load(_: str) -> Any:
        cache.delete(example.lock_key("scifi"))  # its time is up, and another loads
        example.Bestsellers(cache, lambda _: ["newer"]).get("scifi")
        return ["older"]

    assert example.Bestsellers(cache, slow_load).get("scifi") == ["older"]
    assert example.Bestsellers(cache, Loads()).get("scifi") == ["newer"]


def test_overtaken_holder_leaves_the_old_value_until_its_ttl(example: ModuleType, cache: Any) -> None:
    def overtaken_load(_: str) -> Any:
        cache.delete(example.cache_key("scifi"))  # a writer has committed since our SELECT
        return ["old"]

    example.Bestsellers(cache, overtaken_load).get("scifi")
    assert example.Bestsellers(cache, Loads()).get("scifi") == ["old"]
    assert 3239 <= cache.ttl(example.cache_key("scifi")) <= 3960


def test_stuck_lock_is_waited_for_only_so_long(example: ModuleType, cache: Any) -> None:
    load, lock = Loads(), example.lock_key("scifi")
    cache.set(lock, "stuck")
    started = time.monotonic()
    # not as shipped: half a minute, of which a third of a second shows as much
    assert example.Bestsellers(cache, load, wait=0.3).get("scifi") == ["load 1"]
    assert 0.3 <= time.monotonic() - started < 10
    assert load.count == 1
    assert cache.get(lock) == "stuck"


def test_lock_fails_open_when_redis_is_down(example: ModuleType, own_server: Server) -> None:
    load = Loads()
    books = example.Bestsellers(example.connect(own_server.url), load)
    own_server.kill()
    started = time.monotonic()
    assert books.get("scifi") == ["load 1"]
    assert time.monotonic() - started < 10  # it does not wait for a lock that cannot come
    assert books.stats["cache errors"] == 3  # the look, the SET, the release


def test_redis_that_dies_during_a_load_harms_no_reader(example: ModuleType, own_server: Server) -> None:
    def load(_: str) -> Any:
        own_server.kill()
        return ["Dune"]

    assert example.Bestsellers(example.connect(own_server.url), load).get("scifi") == ["Dune"]


def test_failed_load_raises_and_releases_the_lock(example: ModuleType, cache: Any) -> None:
    def fail(_: str) -> Any:
        raise RuntimeError("the database is down")

    with pytest.raises(RuntimeError):
        example.Bestsellers(cache, fail).get("scifi")
    assert cache.exists(example.lock_key("scifi"), example.cache_key("scifi")) == 0
    assert example.Bestsellers(cache, Loads()).get("scifi") == ["load 1"]


def test_lock_works_on_a_cluster_where_both_keys_in_one_command_do_not(
    example: ModuleType, one_node_cluster: Server
) -> None:
    cache = example.connect(one_node_cluster.url)
    assert example.Bestsellers(cache, Loads()).get("scifi") == ["load 1"]
    assert cache.exists(example.cache_key("scifi")) == 1
    assert cache.exists(example.lock_key("scifi")) == 0
    both = cache.pipeline(transaction=True)
    both.get(example.cache_key("scifi"))
    both.get(example.lock_key("scifi"))
    with pytest.raises(redis.RedisError, match="slot"):
        both.execute()


def test_empty_category_is_cached_too(example: ModuleType, cache: Any) -> None:
    loads: list[str] = []

    def load(category: str) -> Any:
        loads.append(category)
        return []

    books = example.Bestsellers(cache, load)
    for category in ("*", "' OR '1'='1", "ключ\n", "x" * 10_000):
        assert books.get(category) == []
        assert books.get(category) == []
    assert len(loads) == 4


@pytest.mark.parametrize("count", [150, 300])
def test_three_hundred_callers_load_once(example: ModuleType, cache: Any, count: int) -> None:
    """More than the pool has connections: those who find none wait for one, and Redis is well."""
    load, together = Loads(0.2), threading.Barrier(count)
    books = example.Bestsellers(cache, load)

    def read(_: int) -> Any:
        together.wait(60)
        return books.get("scifi")

    with ThreadPoolExecutor(count) as readers:
        assert list(readers.map(read, range(count))) == [["load 1"]] * count
    assert load.count == 1
    assert books.stats == {}


def test_exhausted_pool_is_busy_and_loads_nothing(example: ModuleType, cache: Any) -> None:
    load = Loads()
    books = example.Bestsellers(cache, load)
    taken = [cache.connection_pool.get_connection() for _ in range(100)]
    with pytest.raises(redis.ConnectionError, match="No connection available"):
        books.get("scifi")
    assert (load.count, books.stats) == (0, {"busy": 1})
    cache.connection_pool.release(taken.pop())
    assert books.get("scifi") == ["load 1"]


def test_load_of_twice_the_locks_ttl_is_still_one(example: ModuleType, cache: Any) -> None:
    load = Loads(10)
    books = example.Bestsellers(cache, load)
    assert load.seconds == 2 * books.lock_ttl
    with ThreadPoolExecutor(50) as readers:
        assert list(readers.map(books.get, ["scifi"] * 50)) == [["load 1"]] * 50
    assert load.count == 1
    assert cache.exists(example.lock_key("scifi")) == 0


class Crowd:
    """A database that knows how many loads are under way at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.counting, self.go = threading.Lock(), threading.Event()

    def __call__(self, category: str) -> Any:
        with self.counting:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go.wait(20)
        with self.counting:
            self.now -= 1
        return ["Dune"]


def test_ten_load_at_once_where_there_is_no_lock(example: ModuleType, own_server: Server) -> None:
    crowd = Crowd()
    books = example.Bestsellers(example.connect(own_server.url), crowd)
    own_server.kill()
    with ThreadPoolExecutor(50) as readers:
        answers = [readers.submit(books.get, "scifi") for _ in range(50)]
        wait_until(lambda: crowd.now == 10)
        crowd.go.set()
        assert [answer.result(30) for answer in answers] == [["Dune"]] * 50
    assert crowd.most == 10


def test_who_finds_no_room_to_load_is_told_so(example: ModuleType, own_server: Server) -> None:
    crowd = Crowd()
    books = example.Bestsellers(example.connect(own_server.url), crowd)
    own_server.kill()
    with ThreadPoolExecutor(11) as readers:
        answers = [readers.submit(books.get, "scifi") for _ in range(11)]
        wait_until(lambda: books.stats["busy"] == 1)
        crowd.go.set()
        errors = [error for answer in answers if (error := answer.exception(30))]
    assert [str(error) for error in errors] == ["busy: as many loads as may be are under way"]
    assert crowd.most == 10


def test_refused_lock_is_no_lock_and_loads(example: ModuleType, own_server: Server) -> None:
    load = Loads()
    books = example.Bestsellers(example.connect(own_server.url), load)
    books.cache.config_set("maxmemory", 1)
    assert books.get("scifi") == ["load 1"]
    assert books.stats == {"refused writes": 2}  # the lock, and the SET


def test_moved_is_an_error_of_the_lock_not_a_load(example: ModuleType, cluster: Cluster) -> None:
    load = Loads()
    books = example.Bestsellers(example.connect(cluster.url), load)
    moved = 0
    for number in range(20):
        try:
            books.get(str(number))
        except redis.exceptions.MovedError:
            moved += 1
    assert (moved + load.count, books.stats["cache errors"]) == (20, 0)
    assert moved > 5


CORRUPT = [
    b"\xff\xfe",
    "",
    "not json",
    "null",
    "5",
    "NaN",
    "[NaN]",
    "[1]",
    '["Dune", null]',
    '{"value": []}',
    "[" * 100_000,
]


def test_corrupt_value_under_the_lock_is_a_counted_miss(example: ModuleType, cache: Any) -> None:
    load = Loads()
    books = example.Bestsellers(cache, load)
    for count, corrupt in enumerate(CORRUPT, 1):
        cache.set(example.cache_key("scifi"), corrupt)
        assert books.get("scifi") == [f"load {count}"]
        assert cache.get(example.cache_key("scifi")) == f'["load {count}"]'  # so in each language
        assert (load.count, books.stats) == (count, {"corrupt values": count})


NO_TITLES = [[float("nan")], [Decimal("1.5")], [date(2026, 11, 28)], [("Dune",)], [7], [{(1, 2): 3}]]


@pytest.mark.parametrize("titles", NO_TITLES, ids=str)
def test_what_no_reader_could_read_is_returned_and_not_stored(example: ModuleType, cache: Any, titles: Any) -> None:
    books = example.Bestsellers(cache, lambda _: titles)
    assert books.get("scifi") == titles
    assert cache.exists(example.cache_key("scifi"), example.lock_key("scifi")) == 0
    assert books.stats == {"mistakes": 1}


# Ten loads are under way in the parent, so there is no room; the child has none of them.
FORK = """
import os, sys, threading
from pathlib import Path
from harness.load import load
program = load(Path(sys.argv[1]))
begun, go = threading.Semaphore(0), threading.Event()

def slow(category):
    begun.release()
    assert go.wait(60)
    return [category]

books = program.Bestsellers(program.connect(sys.argv[2]), slow)
readers = [threading.Thread(target=books.get, args=[str(number)]) for number in range(10)]
for reader in readers:
    reader.start()
for reader in readers:
    assert begun.acquire(timeout=20)
if os.fork():
    child = os.waitstatus_to_exitcode(os.wait()[1])
    go.set()
    sys.exit(child)
books.load = lambda category: ["child"]
assert books.get("scifi") == ["child"]
"""


def test_forked_process_has_room_of_its_own(example: ModuleType, redis_url: str) -> None:
    command = [sys.executable, "-c", FORK, str(example.__file__), redis_url]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_tuple_is_a_list_for_those_who_load_and_those_who_find(example: ModuleType, cache: Any) -> None:
    books = example.Bestsellers(cache, lambda _: ("Dune", "Solaris"))
    assert [books.get("scifi"), books.get("scifi")] == [["Dune", "Solaris"]] * 2
