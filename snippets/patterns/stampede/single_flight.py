# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Single flight in one process: callers that ask for the same key while it is being read share that one read."""

import copy
import json
import logging
import os
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterError,
    MaxConnectionsError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)  # fmt: skip
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

log = logging.getLogger(__name__)


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=100, timeout=2, decode_responses=True, encoding_errors="replace",
        socket_connect_timeout=0.5, socket_timeout=0.5,
        maint_notifications_config=MaintNotificationsConfig(enabled=False), retry=Retry(NoBackoff(), retries=0),
    )  # fmt: skip
    return redis.Redis.from_pool(pool)


def cache_key(category: str) -> str:
    return f"cache:bestsellers:{category}"


def jitter(ttl: int) -> int:
    return round(ttl * random.uniform(0.9, 1.1))


# --8<-- [start:flight]
class SingleFlight:
    def __init__(self) -> None:
        self.flights: dict[str, Future[Any]] = {}
        self.lock = threading.Lock()
        os.register_at_fork(after_in_child=self.flights.clear)  # they end here

    def do(self, key: str, work: Callable[[Future[Any]], Any]) -> Any:
        """Do the work for a key, or wait for whoever does it."""
        with self.lock:
            flight = self.flights.get(key)
            if mine := flight is None:
                flight = self.flights[key] = Future()
        if mine:
            try:
                flight.set_result(work(flight))
            except BaseException as error:
                flight.set_exception(error)  # for all who wait
            finally:
                self.close(key, flight)
        return copy.deepcopy(flight.result())  # each gets a list of its own

    def is_open(self, key: str, flight: Future[Any]) -> bool:
        return self.flights.get(key) is flight

    def close(self, key: str, flight: Future[Any] | None = None) -> None:
        """Let nobody join this flight, or any that is under way."""
        with self.lock:
            if flight is None or self.is_open(key, flight):
                self.flights.pop(key, None)


# --8<-- [end:flight]


AWAY, REFUSED, BUSY, MISTAKE = "cache errors", "refused writes", "busy", "mistakes"
PASSING = redis.ConnectionError, redis.TimeoutError, ReadOnlyError, TryAgainError


def kind_of(error: Exception) -> str:
    """What an error of Redis or its client means to us."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or text[:7] in ("MISCONF", "NOREPLI"):
        return REFUSED  # Redis is well, serves reads, and takes no writes
    if isinstance(error, MaxConnectionsError) or text == "No connection available.":
        return BUSY  # our own pool is exhausted: Redis was not asked
    if isinstance(error, redis.AuthenticationError):
        return MISTAKE  # a ConnectionError by class, but waiting mends no password
    if isinstance(error, (*PASSING, ClusterError)) or text[:4] in ("BUSY", "UNBL"):
        return AWAY  # down, slow, starting, failing over, held up by a script
    gone = isinstance(error, RedisClusterException) and "cannot be conn" in text
    return AWAY if gone else MISTAKE  # else MOVED, WRONGTYPE, NOPERM, a bug of ours


def are_titles(them: object) -> bool:
    return isinstance(them, list) and all(isinstance(one, str) for one in them)


def decode(cached: Any) -> list[str] | None:  # differs: titles
    """The titles in a cached value, or None: what is stored is input."""
    with suppress(ValueError, RecursionError):
        titles = json.loads(cached or "")
        return titles if are_titles(titles) else None
    return None


class Bestsellers:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any]) -> None:
        self.cache, self.load = cache, load
        self.flights = SingleFlight()
        self.stats, self.counting = Counter[str](), threading.Lock()

    # --8<-- [start:read]
    def get(self, category: str) -> list[str]:
        return list(self.flights.do(category, partial(self.read, category)))

    def read(self, category: str, flight: Future[Any]) -> list[str]:
        """Cache-aside, as ever: GET, load, SET. All three are inside the flight."""
        cached: Any = self.try_cache(self.cache.get, cache_key(category))
        if (titles := decode(cached)) is not None:
            return titles
        if cached is not None:
            self.count("corrupt values")
        titles = list(self.load(category))
        if self.flights.is_open(category, flight):  # no write has closed it
            self.tell_cache(self.store, category, titles)
        return titles

    def changed(self, category: str) -> None:
        """Call this after a commit: what was read before it is old."""
        self.flights.close(category)  # what those load is not stored any more;
        self.tell_cache(self.cache.delete, cache_key(category))
        self.flights.close(category)  # nor joined, what may have read the old value

    # --8<-- [end:read]

    def store(self, category: str, titles: list[str]) -> None:
        if not are_titles(titles):
            raise redis.DataError(f"no titles: {titles!r}")  # no reader could use them
        value = json.dumps(titles, separators=(",", ":"))
        self.cache.set(cache_key(category), value, ex=jitter(3600))

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    def tell_cache(self, command: Any, *args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) == MISTAKE:
                log.exception("a mistake that no outage excuses")

    def failed(self, error: Exception) -> str:  # differs: threads count, so under a lock
        kind = kind_of(error)
        self.count(kind)
        if isinstance(error, ReadOnlyError):
            self.cache.connection_pool.disconnect(inuse_connections=False)
        return kind

    def count(self, what: str) -> None:
        with self.counting:
            self.stats[what] += 1


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(cache_key("scifi"))  # left by an earlier run
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold")
    loads = []

    def load(category: str) -> list[str]:
        loads.append(category)
        time.sleep(0.2)  # a slow query
        query = "SELECT title FROM books WHERE category = ? ORDER BY sold DESC LIMIT 10"
        return [title for (title,) in db.execute(query, (category,))]

    books = Bestsellers(cache, load)
    with ThreadPoolExecutor(50) as readers:
        answers = list(readers.map(books.get, ["scifi"] * 50))
    print(f"{len(answers)} callers in one process, loads: {len(loads)}")
    books.get("scifi")
    print(f"one caller more, loads: {len(loads)}")


if __name__ == "__main__":
    main()
