# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""One load over all processes: whoever takes the lock loads, the others wait for what that one stores."""

import json
import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
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

# --8<-- [start:release]
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0"""
# --8<-- [end:release]
EXTEND = RELEASE.replace("'DEL', KEYS[1]", "'PEXPIRE', KEYS[1], ARGV[2]")


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=100, timeout=2, decode_responses=True, encoding_errors="replace",
        socket_connect_timeout=0.5, socket_timeout=0.5,
        maint_notifications_config=MaintNotificationsConfig(enabled=False), retry=Retry(NoBackoff(), retries=0),
    )  # fmt: skip
    return redis.Redis.from_pool(pool)


def cache_key(category: str) -> str:
    return f"cache:bestsellers:{category}"


def lock_key(category: str) -> str:
    return f"lock:bestsellers:{category}"


AWAY, REFUSED, BUSY, MISTAKE = "cache errors", "refused writes", "busy", "mistakes"
PASSING = redis.ConnectionError, redis.TimeoutError, ReadOnlyError, TryAgainError


def kind_of(error: Exception) -> str:
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
    with suppress(ValueError, RecursionError):
        titles = json.loads(cached or "")
        return titles if are_titles(titles) else None
    return None  # what is stored is input


class Bestsellers:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any], lock_ttl: float = 5, wait: float = 30) -> None:
        self.cache, self.load, self.lock_ttl, self.wait = cache, load, lock_ttl, wait  # in seconds
        self.stats, self.counting = Counter[str](), threading.Lock()
        self.rooms: dict[int, threading.Semaphore] = {}  # where loads run; a fork has its own

    # --8<-- [start:read]
    def get(self, category: str) -> list[str]:
        token = os.urandom(16).hex()  # ours alone, so that we release no other's lock
        if (known := self.try_cache(self.value_or_lock, category, token)) is not None:
            return list(known)
        room = self.rooms.setdefault(os.getpid(), threading.Semaphore(10))
        with self.held(category, token):
            if not room.acquire(timeout=2):  # the bulkhead: all that is left
                self.count(BUSY)  # where there is no lock
                raise TimeoutError("busy: as many loads as may be are under way")
            try:
                titles = list(self.load(category))
            finally:
                room.release()
            self.tell_cache(self.store, category, titles)
            return titles

    # --8<-- [end:read]

    # --8<-- [start:lock]
    def value_or_lock(self, category: str, token: str) -> list[str] | None:
        """Return the titles, or None where the caller has to load them."""
        key, lock = cache_key(category), lock_key(category)
        give_up, pause = time.monotonic() + self.wait, 0.04
        while time.monotonic() < give_up:
            if (titles := decode(self.cache.get(key))) is not None:
                return titles
            if self.cache.set(lock, token, nx=True, px=round(self.lock_ttl * 1000)):
                cached = self.cache.get(key)  # the second look
                if (titles := decode(cached)) is not None:
                    self.tell_cache(self.cache.eval, RELEASE, 1, lock, token)
                elif cached is not None:
                    self.count("corrupt values")
                    self.cache.delete(key)  # or the NX of store would keep it
                return titles
            time.sleep(pause * random.uniform(0.5, 1.5))  # do not poll in step,
            pause = min(pause * 1.2, 0.25)  # and not so often when it takes long
        return None  # the lock is stuck: load without, as far as there is room

    # --8<-- [end:lock]

    # --8<-- [start:store]
    def store(self, category: str, titles: list[str]) -> None:
        if not are_titles(titles):
            raise redis.DataError(f"no titles: {titles!r}")  # no reader could use them
        value = json.dumps(titles, separators=(",", ":"))
        ttl = round(3600 * random.uniform(0.9, 1.1))
        self.cache.set(cache_key(category), value, ex=ttl, nx=True)  # first wins

    @contextmanager
    def held(self, category: str, token: str) -> Iterator[None]:
        """Extend our lock while we load, for as long as others wait; release it."""
        done, until = threading.Event(), time.monotonic() + self.wait
        lock, px = lock_key(category), round(self.lock_ttl * 1000)

        def extend() -> None:
            while not done.wait(self.lock_ttl / 3) and time.monotonic() < until:
                self.tell_cache(self.cache.eval, EXTEND, 1, lock, token, px)

        threading.Thread(target=extend, daemon=True).start()
        try:
            yield
        finally:
            done.set()
            self.tell_cache(self.cache.eval, RELEASE, 1, lock, token)

    # --8<-- [end:store]

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
    loads = []

    def load(category: str) -> list[str]:
        loads.append(category)
        time.sleep(0.2)  # a slow query
        return ["Dune", "Solaris"]

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
