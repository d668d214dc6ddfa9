# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A string as a counter: page views, counted by Redis and not by the reader of the count."""

import os
import time
from collections import Counter
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


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # a repeated INCR would count twice
    )
    return redis.Redis.from_pool(pool)


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


# --8<-- [start:count]
def views_key(page_id: str) -> str:
    return f"page:{page_id}:views"


class PageViews:
    def __init__(self, cache: redis.Redis) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache = cache
        self.stats: Counter[str] = Counter()

    def count(self, page_id: str) -> int | None:  # differs: it counts views
        """Count one view: Redis adds, so no two callers read the same number.

        None: Redis is away or full, and the view is lost, or perhaps counted.
        """
        found: int | None = self.try_cache(self.cache.incr, views_key(page_id))
        return found

    def views(self, *page_ids: str) -> list[int | None]:
        """Return the counts in one round trip. None is not known, and not 0."""
        keys = [views_key(page_id) for page_id in page_ids]
        found = self.try_cache(self.cache.mget, keys)
        if found is None:
            return [None] * len(keys)
        return [self.number(count) for count in found]

    # --8<-- [end:count]

    def number(self, count: str | None) -> int | None:
        with suppress(ValueError):
            return int(count or 0)
        self.stats["corrupt values"] += 1
        return None

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Ask. If Redis is away, count that and answer None; a mistake surfaces."""
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    def failed(self, error: Exception) -> str:
        kind = kind_of(error)
        if kind == BUSY and time.monotonic() < self.hung + 2:
            kind = AWAY  # the pool is exhausted because Redis hangs
        elif kind == AWAY:
            self.hung = time.monotonic()
        self.stats[kind] += 1
        if isinstance(error, ReadOnlyError):  # its address may lead elsewhere now
            self.cache.connection_pool.disconnect(inuse_connections=False)
        return kind


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(views_key("7"), views_key("8"))
    pages = PageViews(cache)
    for _ in range(3):
        pages.count("7")
    print("views of pages 7 and 8:", pages.views("7", "8"))


if __name__ == "__main__":
    main()
