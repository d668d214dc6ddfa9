# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Refresh-ahead: a read near the end of a key's life starts one refresh in the background, and returns at once."""

import json
import logging
import os
import random
import sqlite3
import threading
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

TTL = 3600  # seconds
REFRESH_BELOW = 900  # seconds left: the last quarter of the TTL
LOCK_TTL = 30  # seconds: longer than a load, and the pause after a failed one
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


def cache_key(report_id: str) -> str:  # differs: reports
    return f"cache:report:{report_id}"


def lock_key(report_id: str) -> str:  # differs: reports
    return f"lock:report:{report_id}"


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


def is_report(it: Any) -> bool:
    """What goes under the key: these two fields, and no other types."""
    types = {name: type(field) for name, field in it.items()} if isinstance(it, dict) else {}
    return types == {"month": str, "cents": int}


def decode(cached: str | None) -> Any:  # differs: a report
    """The report in a cached value, or None: what is stored is input."""
    with suppress(ValueError, RecursionError):
        report = json.loads(cached or "")
        return report if is_report(report) else None
    return None


class Reports:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any]) -> None:
        self.cache, self.load = cache, load
        self.stats, self.counting = Counter[str](), threading.Lock()
        self.pools: dict[int, ThreadPoolExecutor] = {}  # a fork has no threads of its parent
        self.refreshing: Any = None  # the latest refresh, to wait for

    # --8<-- [start:read]
    def get(self, report_id: str) -> Any:
        cached, left = self.try_cache(self.look, report_id) or (None, -2)
        if (report := decode(cached)) is None:  # a cold key: this caller waits
            if cached is not None:
                self.count("corrupt values")
            report = self.load(report_id)
            self.tell_cache(self.store, report_id, report)
            return report
        if 0 <= left < REFRESH_BELOW * 1000:  # -1 never expires: leave it alone
            self.tell_cache(self.start_refresh, report_id)
        return report

    def look(self, report_id: str) -> tuple[str | None, int]:
        """Fetch the value and its time left, both of one moment."""
        both = self.cache.pipeline(transaction=True)
        both.get(cache_key(report_id))
        both.pttl(cache_key(report_id))
        value, left = both.execute()
        return value, left

    def store(self, report_id: str, report: Any, xx: bool = False) -> None:
        if not is_report(report):
            raise redis.DataError(f"no report: {report!r}")  # no reader could use it
        value = json.dumps(report, separators=(",", ":"))
        ttl = round(TTL * random.uniform(0.9, 1.1))
        self.cache.set(cache_key(report_id), value, ex=ttl, xx=xx)

    # --8<-- [end:read]

    # --8<-- [start:take]
    def start_refresh(self, report_id: str) -> None:
        lock, token = lock_key(report_id), uuid.uuid4().hex
        if self.cache.set(lock, token, nx=True, px=LOCK_TTL * 1000):  # one gets it
            pool = self.pools.setdefault(os.getpid(), ThreadPoolExecutor(4))
            self.refreshing = pool.submit(self.refresh, report_id, token)

    # --8<-- [end:take]

    # --8<-- [start:refresh]
    def refresh(self, report_id: str, token: str) -> None:
        try:
            _, left = self.look(report_id)
            if 0 <= left < REFRESH_BELOW * 1000:  # still: none came before us
                self.count("refreshes")
                self.store(report_id, self.load(report_id), xx=True)  # only if there
            self.cache.eval(RELEASE, 1, lock_key(report_id), token)
        except Exception:  # readers have the old value; the lock stays
            self.count("failed refreshes")
            log.exception("refresh of report %s", report_id)

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
    cache.delete(cache_key("2026-10"), lock_key("2026-10"))  # left by an earlier run
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE orders AS SELECT '2026-10' AS month, 1250 AS cents")

    def load(month: str) -> Any:
        (cents,) = db.execute("SELECT sum(cents) FROM orders WHERE month = ?", (month,)).fetchone()
        return {"month": month, "cents": cents}

    reports = Reports(cache, load)
    print("cold key:", reports.get("2026-10")["cents"])
    db.execute("INSERT INTO orders VALUES ('2026-10', 750)")
    cache.expire(cache_key("2026-10"), 600)  # as if 50 minutes had gone by
    with ThreadPoolExecutor(50) as readers:
        answers = list(readers.map(reports.get, ["2026-10"] * 50))
    reports.refreshing.result()
    print(f"{len(answers)} answers near its end, refreshes: {reports.stats['refreshes']}")
    print("after the refresh:", reports.get("2026-10")["cents"])


if __name__ == "__main__":
    main()
