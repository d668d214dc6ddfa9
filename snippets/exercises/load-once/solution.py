# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Exercise, solved: of all callers that miss together, one loads; its lock is released by nobody else."""

import os
import secrets
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis

TTL = 60  # seconds
LOCK_MS = 2000  # longer than the query takes; the lock of a dead caller goes by itself
PAUSE = 0.05  # seconds between two looks of a caller that waits


def cache_key(category: str) -> str:  # differs: the exercise's
    return f"cache:toplist:{category}"


def lock_key(category: str) -> str:  # differs: the exercise's
    return f"lock:toplist:{category}"


# --8<-- [start:release]
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""
# --8<-- [end:release]


class Bestsellers:
    def __init__(self, cache: redis.Redis, query: Callable[[str], str]) -> None:
        self.cache: Any = cache  # replies with str, because it decodes
        self.query = query
        self.database_loads = 0

    # --8<-- [start:get]
    def get(self, category: str) -> str:
        token = secrets.token_hex(16)
        while True:
            cached: str | None = self.cache.get(cache_key(category))
            if cached is not None:
                return cached
            if self.cache.set(lock_key(category), token, nx=True, px=LOCK_MS):
                break
            time.sleep(PAUSE)  # another loads; or its lock will expire

        try:
            cached = self.cache.get(cache_key(category))  # again
            return self.load(category) if cached is None else cached
        finally:
            self.cache.eval(RELEASE, 1, lock_key(category), token)

    # --8<-- [end:get]

    def load(self, category: str) -> str:
        self.database_loads += 1
        value = self.query(category)
        self.cache.set(cache_key(category), value, ex=TTL)
        return value


def report(category: str) -> str:
    """Stand for a query over all orders, which takes its time."""
    time.sleep(0.5)
    return f"the best of {category}"


def main(*categories: str) -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    shop = Bestsellers(cache, report)
    for category in categories:  # a single caller, as the checks start it
        print(f"{category}: {shop.get(category)}, database loads: {shop.database_loads}")
    if categories:
        return

    for category in ("books", "games"):  # left by an earlier run
        cache.delete(cache_key(category), lock_key(category))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(shop.get, ["books"] * 8))
    print("database loads for 8 callers at once:", shop.database_loads)

    def slow_report(category: str) -> str:
        # so slow that its caller's lock expires, and another caller takes the lock
        cache.set(lock_key(category), "another caller", px=LOCK_MS)
        return report(category)

    Bestsellers(cache, slow_report).get("games")
    print("lock of another caller:", "kept" if cache.exists(lock_key("games")) else "deleted")
    cache.delete(lock_key("games"))


if __name__ == "__main__":
    main(*sys.argv[1:])
