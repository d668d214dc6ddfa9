# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""How refresh-ahead is often written, failing in three ways. Do not copy it: refresh_ahead.py is the mended one."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis

ORIGINAL_TTL = 3600


# --8<-- [start:read]
def get_with_refresh(cache: redis.Redis, key: str, refresh: Any) -> Any:
    data = cache.get(key)
    ttl: Any = cache.ttl(key)

    if ttl < ORIGINAL_TTL * 0.25:
        threading.Thread(target=refresh, args=(key,)).start()

    return data


# --8<-- [end:read]


class Refresher:
    """Loads a report and stores it, once it is let go. Counts what was started."""

    def __init__(self, cache: redis.Redis) -> None:
        self.cache, self.go = cache, threading.Event()
        self.started = self.loads = 0
        self.counting = threading.Lock()
        self.done = threading.Semaphore(0)

    def __call__(self, key: str) -> None:
        with self.counting:
            self.started += 1
        self.go.wait(10)
        with self.counting:
            self.loads += 1
        self.cache.set(key, "a report", ex=ORIGINAL_TTL)
        self.done.release()

    def finish(self, expected: int) -> int:
        """Let the refreshes go, wait for as many as are expected, and return how many there were."""
        self.go.set()
        for _ in range(expected):
            self.done.acquire(timeout=10)
        self.go.clear()
        count, self.started = self.started, 0
        return count


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    refresh, key = Refresher(cache), "cache:report:2026-10"
    cache.delete(key)  # left by an earlier run

    value = get_with_refresh(cache, key, refresh)
    print(f"1. a miss: the caller gets {value}, refreshes started: {refresh.finish(1)}")

    cache.persist(key)
    for _ in range(3):
        get_with_refresh(cache, key, refresh)
    print(f"2. a key that never expires, 3 reads: refreshes started: {refresh.finish(3)}")

    cache.expire(key, 600)
    with ThreadPoolExecutor(50) as readers:
        list(readers.map(lambda _: get_with_refresh(cache, key, refresh), range(50)))
    print(f"3. 50 readers near expiry: refreshes started: {refresh.finish(50)}")


if __name__ == "__main__":
    main()
