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
from functools import partial
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

FRESH = 60  # seconds until a new value is wanted: the soft expiry, inside the value
TTL = 3600  # seconds until an old value is worse than none: the hard one, on the key
LOCK_TTL = 10  # seconds: longer than a load, and the pause after a failed one
RELEASE = """if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1]) end
return 0"""


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),
    )


def cache_key(category: str) -> str:
    return f"cache:bestsellers:{category}"


def lock_key(category: str) -> str:
    return f"lock:bestsellers:{category}"


class Bestsellers:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any], now: Callable[[], float] = time.time) -> None:
        self.cache, self.load, self.now = cache, load, now
        self.stats, self.counting = Counter[str](), threading.Lock()
        self.pool = ThreadPoolExecutor(4, thread_name_prefix="revalidate")
        self.refreshing: Any = None  # the latest refresh, to wait for

    # --8<-- [start:read]
    def get(self, category: str) -> Any:
        cached = self.try_cache(self.cache.get, cache_key(category))
        if cached is None:  # nothing to serve: this caller waits
            titles = self.load(category)
            self.try_cache(self.store, category, titles)
            return titles
        if self.is_stale(cached):
            self.start_refresh(category)
        return json.loads(cached)["value"]  # fresh or not, at once

    def is_stale(self, cached: str) -> bool:
        return bool(json.loads(cached)["fresh_until"] <= self.now())

    def store(self, category: str, titles: Any, only_if_there: bool = False) -> None:
        entry = {"value": titles, "fresh_until": round(self.now()) + FRESH}
        value = json.dumps(entry, separators=(",", ":"))
        self.cache.set(cache_key(category), value, ex=TTL, xx=only_if_there)

    # --8<-- [end:read]

    # --8<-- [start:refresh]
    def start_refresh(self, category: str) -> None:
        lock, token = lock_key(category), uuid.uuid4().hex
        take = partial(self.cache.set, lock, token, nx=True, px=LOCK_TTL * 1000)
        if self.try_cache(take):  # NX: one reader of all gets it
            self.refreshing = self.pool.submit(self.refresh, category, token)

    def refresh(self, category: str, token: str) -> None:
        try:
            cached: Any = self.cache.get(cache_key(category))
            if cached is not None and self.is_stale(cached):  # still
                self.count("refreshes")
                self.store(category, self.load(category), only_if_there=True)
            self.cache.eval(RELEASE, 1, lock_key(category), token)
        except Exception:  # readers have the old value; the lock stays
            self.count("failed refreshes")
            logging.exception("refresh of bestsellers %s", category)

    # --8<-- [end:refresh]

    def count(self, what: str) -> None:
        with self.counting:
            self.stats[what] += 1

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:  # differs: threads count, so under a lock
        try:
            return command(*args, **options)
        except redis.AuthenticationError:
            raise
        except (redis.ConnectionError, redis.TimeoutError):
            with self.counting:
                self.stats["cache errors"] += 1
            return None


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
