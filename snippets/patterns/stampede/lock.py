# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""One load over all processes: whoever takes the lock loads, the others wait for what that one stores."""

import json
import os
import random
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# --8<-- [start:release]
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
"""
# --8<-- [end:release]


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


def jitter(ttl: int) -> int:
    return round(ttl * random.uniform(0.9, 1.1))


class Bestsellers:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any], lock_ttl: float = 5, wait: float = 8) -> None:
        self.cache, self.load = cache, load
        self.lock_ttl, self.wait = lock_ttl, wait  # seconds
        self.stats, self.counting = Counter[str](), threading.Lock()

    # --8<-- [start:read]
    def get(self, category: str) -> Any:
        token = uuid.uuid4().hex  # ours alone, so that we release no other's lock
        cached = self.try_cache(self.value_or_lock, category, token)
        if cached is not None:
            return json.loads(cached)
        try:
            titles = self.load(category)
            self.try_cache(self.store, category, titles)
            return titles
        finally:
            self.try_cache(self.release, category, token)

    # --8<-- [end:read]

    # --8<-- [start:lock]
    def value_or_lock(self, category: str, token: str) -> Any:
        """Return the value, or None where the caller has to load it."""
        key, lock = cache_key(category), lock_key(category)
        give_up = time.monotonic() + self.wait
        while time.monotonic() < give_up:
            if (cached := self.cache.get(key)) is not None:
                return cached
            if self.cache.set(lock, token, nx=True, px=round(self.lock_ttl * 1000)):
                cached = self.cache.get(key)  # the second look
                if cached is not None:
                    self.release(category, token)
                return cached
            time.sleep(random.uniform(0.02, 0.06))  # jitter: do not poll in step
        return None  # the lock is stuck: better a load too many than no answer

    # --8<-- [end:lock]

    # --8<-- [start:store]
    def store(self, category: str, titles: Any) -> None:
        value, ttl = json.dumps(titles, separators=(",", ":")), jitter(3600)
        self.cache.set(cache_key(category), value, ex=ttl, nx=True)  # first wins

    def release(self, category: str, token: str) -> None:
        self.cache.eval(RELEASE, 1, lock_key(category), token)

    # --8<-- [end:store]

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
    loads = []

    def load(category: str) -> list[str]:
        loads.append(category)
        time.sleep(0.2)  # a slow query
        query = "SELECT title FROM books WHERE category = ? ORDER BY sold DESC LIMIT 10"
        return [title for (title,) in db.execute(query, (category,))]

    books = Bestsellers(cache, load)
    with ThreadPoolExecutor(50) as readers:
        answers = list(readers.map(books.get, ["scifi"] * 50))
    print(f"{len(answers)} readers of a cold key, loads: {len(loads)}")
    cache.delete(cache_key("scifi"))
    cache.set(lock_key("scifi"), "a holder that was killed", px=1000)
    print(f"a killed holder's lock: {books.get('scifi')[0]}, loads: {len(loads)}")
    print(f"locks left: {cache.exists(lock_key('scifi'))}")


if __name__ == "__main__":
    main()
