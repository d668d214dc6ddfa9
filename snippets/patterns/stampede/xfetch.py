# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""XFetch: each read draws lots whether to load early; the dearer the load and the nearer the end, the likelier."""

import itertools
import json
import logging
import math
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

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

Rng = Callable[[], float]  # like random.random: from 0 up to, never including, 1
TTL = 60  # seconds until a value expires
LOCK_TTL = 10  # seconds: longer than a load
RELEASE = """if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1]) end
return 0"""


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=100, timeout=2, decode_responses=True, encoding_errors="replace",
        socket_connect_timeout=0.5, socket_timeout=0.5,
        maint_notifications_config=MaintNotificationsConfig(enabled=False), retry=Retry(NoBackoff(), retries=0),
    )  # fmt: skip
    return redis.Redis.from_pool(pool)


def keys(category: str) -> tuple[str, str]:
    return f"cache:trending:{category}", f"lock:trending:{category}"


# --8<-- [start:lots]
class Entry(NamedTuple):
    value: Any
    delta: float  # seconds that the last load took
    expiry: float


def is_due(entry: Entry, now: float, rng: Rng, beta: float = 1) -> bool:
    """Draw lots: load now? A beta above 1 loads earlier, one below 1 later."""
    u = 1.0 - rng()  # rng() may be 0, which has no logarithm; u never is
    return now - entry.delta * beta * math.log(u) >= entry.expiry


# --8<-- [end:lots]


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


def decode(cached: str | None) -> Entry | None:  # differs: an entry of XFetch
    """What is stored, or None where that is no entry: it is input."""
    with suppress(ValueError, TypeError, OverflowError, RecursionError):
        entry = Entry(**json.loads(cached or ""))
        if math.isfinite(entry.delta) and math.isfinite(entry.expiry):
            return entry
    return None


class Trending:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any]) -> None:
        self.cache, self.load = cache, load
        self.now, self.rng = time.time, random.random
        self.stats, self.counting = Counter[str](), threading.Lock()

    # --8<-- [start:read]
    def get(self, category: str) -> Any:
        entry = self.try_cache(self.look, category)
        if entry is None:  # a cold key: this caller waits, like everyone beside it
            return self.load_and_store(category)
        if is_due(entry, self.now(), self.rng):
            try:
                return self.load_early(category, entry)
            except Exception as error:  # the value at hand has not expired yet
                log.exception("early load of trending %s", category)
                if isinstance(error, redis.RedisError | RedisClusterException):
                    self.failed(error)
                else:
                    self.count("failed early loads")
        return entry.value

    def load_early(self, category: str, entry: Entry) -> Any:
        """Load if the lock is ours, and nobody has loaded since we looked."""
        lock, token = keys(category)[1], uuid.uuid4().hex
        if not self.cache.set(lock, token, nx=True, px=LOCK_TTL * 1000):
            return entry.value
        try:
            newest = self.look(category)
            if newest and newest.expiry > entry.expiry:
                return newest.value
            return self.load_and_store(category)
        finally:
            self.tell_cache(self.cache.eval, RELEASE, 1, lock, token)

    # --8<-- [end:read]

    # --8<-- [start:store]
    def look(self, category: str) -> Entry | None:
        cached: Any = self.cache.get(keys(category)[0])
        if (entry := decode(cached)) is None and cached is not None:
            self.count("corrupt values")
        return entry

    def load_and_store(self, category: str) -> Any:
        started = self.now()
        value = self.load(category)
        delta = max(0.0, self.now() - started)  # a clock can be set back meanwhile
        entry = Entry(value, delta, self.now() + TTL)
        self.tell_cache(self.store, category, entry)
        return value

    def store(self, category: str, entry: Entry) -> None:
        cached = ""
        with suppress(ValueError, TypeError, RecursionError):
            cached = json.dumps(entry._asdict(), separators=(",", ":"))
        if decode(cached) != entry:
            raise redis.DataError(f"no JSON: {entry!r}")  # no reader could use it
        self.cache.set(keys(category)[0], cached, ex=TTL)

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
    rng, entry = random.Random(3600).random, Entry("", delta=1, expiry=1)
    for beta in (0.5, 1, 2):
        early = sum(is_due(entry, 0, rng, beta) for _ in range(100_000)) / 100_000
        print(f"delta before expiry, beta {beta}: {early:.1%} load early, the formula says {math.exp(-1 / beta):.1%}")

    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(*keys("scifi"))  # left by an earlier run
    loads = itertools.count(1)
    trending = Trending(cache, lambda _: f"load {next(loads)}")
    print("cold:", trending.get("scifi"))
    trending.now = lambda: time.time() + TTL  # as if its time were up
    print("at the end of its time:", trending.get("scifi"))


if __name__ == "__main__":
    main()
