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
from functools import partial
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TTL = 3600  # seconds
REFRESH_BELOW = 900  # seconds left: the last quarter of the TTL
LOCK_TTL = 30  # seconds: longer than a load, and the pause after a failed one
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


def cache_key(report_id: str) -> str:  # differs: reports
    return f"cache:report:{report_id}"


def lock_key(report_id: str) -> str:  # differs: reports
    return f"lock:report:{report_id}"


class Reports:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any]) -> None:
        self.cache, self.load = cache, load
        self.stats, self.counting = Counter[str](), threading.Lock()
        self.pool = ThreadPoolExecutor(4, thread_name_prefix="refresh")
        self.refreshing: Any = None  # the latest refresh, to wait for

    # --8<-- [start:read]
    def get(self, report_id: str) -> Any:
        cached, left = self.try_cache(self.look, report_id) or (None, -2)
        if cached is None:  # a cold key: this caller waits
            report = self.load(report_id)
            self.try_cache(self.store, report_id, report)
            return report
        if 0 <= left < REFRESH_BELOW * 1000:  # -1 never expires: leave it alone
            self.start_refresh(report_id)
        return json.loads(cached)

    def look(self, report_id: str) -> tuple[str | None, int]:
        """Fetch the value and its time left, both of one moment."""
        both = self.cache.pipeline(transaction=True)
        both.get(cache_key(report_id))
        both.pttl(cache_key(report_id))
        value, left = both.execute()
        return value, left

    def store(self, report_id: str, report: Any, only_if_there: bool = False) -> None:
        ttl = round(TTL * random.uniform(0.9, 1.1))
        value = json.dumps(report, separators=(",", ":"))
        self.cache.set(cache_key(report_id), value, ex=ttl, xx=only_if_there)

    # --8<-- [end:read]

    # --8<-- [start:take]
    def start_refresh(self, report_id: str) -> None:
        lock, token = lock_key(report_id), uuid.uuid4().hex
        take = partial(self.cache.set, lock, token, nx=True, px=LOCK_TTL * 1000)
        if self.try_cache(take):  # NX: one reader of all gets it
            self.refreshing = self.pool.submit(self.refresh, report_id, token)

    # --8<-- [end:take]

    # --8<-- [start:refresh]
    def refresh(self, report_id: str, token: str) -> None:
        try:
            _, left = self.look(report_id)
            if 0 <= left < REFRESH_BELOW * 1000:  # still: none came before us
                self.count("refreshes")
                self.store(report_id, self.load(report_id), only_if_there=True)
            self.cache.eval(RELEASE, 1, lock_key(report_id), token)
        except Exception:  # readers have the old value; the lock stays
            self.count("failed refreshes")
            logging.exception("refresh of report %s", report_id)

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
