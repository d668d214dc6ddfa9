# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Stale while revalidate: past its soft expiry a value is still served, while one reader has it loaded anew."""

import json
import logging
import os
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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
)
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

log = logging.getLogger(__name__)

FRESH = 60  # seconds until a new value is wanted: the soft expiry, inside the value
TTL = 360  # seconds until an old value is worse than none: the hard one, on the key
LOCK_TTL = 10  # seconds: longer than a load, and the pause after a failed one
RELEASE = """if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1]) end
return 0"""


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,
        timeout=2,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),
    )
    return redis.Redis.from_pool(pool)


def cache_key(category: str) -> str:  # differs: an entry, not titles
    return f"cache:soft:bestsellers:{category}"


def lock_key(category: str) -> str:  # differs: of an entry
    return f"lock:soft:bestsellers:{category}"


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


def decode(cached: str | None) -> tuple[list[str], int] | None:  # differs: an entry
    """The titles and their soft expiry, or None: what is stored is input."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        entry = json.loads(cached or "")
        titles, fresh_until = entry["value"], entry["fresh_until"]
        if are_titles(titles) and type(fresh_until) is int:
            return titles, fresh_until
    return None


class Bestsellers:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any], now: Callable[[], float] = time.time) -> None:
        self.cache, self.load, self.now = cache, load, now
        self.stats, self.counting = Counter[str](), threading.Lock()
        self.pools: dict[int, ThreadPoolExecutor] = {}  # a fork has no threads of its parent
        self.refreshing: Any = None  # the latest refresh, to wait for

    # --8<-- [start:read]
    def get(self, category: str) -> list[str]:
        cached: Any = self.try_cache(self.cache.get, cache_key(category))
        if (entry := decode(cached)) is None:  # nothing to serve: this caller waits
            if cached is not None:
                self.count("corrupt values")
            titles = list(self.load(category))
            self.tell_cache(self.store, category, titles)
            return titles
        titles, fresh_until = entry
        if fresh_until <= self.now():
            self.tell_cache(self.start_refresh, category)
        return titles  # fresh or not, at once

    def store(self, category: str, titles: list[str], xx: bool = False) -> None:
        if not are_titles(titles):
            raise redis.DataError(f"no titles: {titles!r}")  # no reader could use them
        entry = {"value": titles, "fresh_until": round(self.now()) + FRESH}
        value = json.dumps(entry, separators=(",", ":"))
        self.cache.set(cache_key(category), value, ex=TTL, xx=xx)

    # --8<-- [end:read]

    # --8<-- [start:refresh]
    def start_refresh(self, category: str) -> None:
        lock, token = lock_key(category), uuid.uuid4().hex
        if self.cache.set(lock, token, nx=True, px=LOCK_TTL * 1000):  # one gets it
            pool = self.pools.setdefault(os.getpid(), ThreadPoolExecutor(4))
            self.refreshing = pool.submit(self.refresh, category, token)

    def refresh(self, category: str, token: str) -> None:
        try:
            cached: Any = self.cache.get(cache_key(category))
            entry = decode(cached)
            if entry and entry[1] <= self.now():  # still: none came before us
                self.count("refreshes")
                titles = list(self.load(category))
                self.store(category, titles, xx=True)  # only if there
            self.cache.eval(RELEASE, 1, lock_key(category), token)
        except Exception:  # readers have the old value; the lock stays
            self.count("failed refreshes")
            log.exception("refresh of bestsellers %s", category)

    # --8<-- [end:refresh]

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
    cache.delete(cache_key("scifi"), lock_key("scifi"))  # left by an earlier run
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold")
    clock = [1000.0]  # a clock that the demonstration moves on

    def load(category: str) -> list[str]:
        query = "SELECT title FROM books WHERE category = ? ORDER BY sold DESC LIMIT 10"
        return [title for (title,) in db.execute(query, (category,))]

    books = Bestsellers(cache, load, lambda: clock[0])
    print("cold:", books.get("scifi")[0])
    db.execute("INSERT INTO books VALUES ('Solaris', 'scifi', 10)")
    clock[0] += 30
    print("30 s later, fresh:", books.get("scifi")[0])
    clock[0] += 31
    print("61 s later, stale:", books.get("scifi")[0])
    books.refreshing.result()
    print("the next read:", books.get("scifi")[0])


if __name__ == "__main__":
    main()
