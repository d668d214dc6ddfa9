# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Real-time analytics: views, visitors and top pages by day, each in a key that expires."""

import logging
import os
import time
from collections import Counter
from datetime import date, timedelta
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
        retry=Retry(NoBackoff(), retries=0),  # a repeated command would count twice
    )
    return redis.Redis.from_pool(pool)


AWAY, REFUSED, BUSY, MISTAKE = "cache errors", "refused writes", "busy", "mistakes"
PASSING = redis.ConnectionError, redis.TimeoutError, ReadOnlyError, TryAgainError


def kind_of(error: Exception) -> str:  # differs: a pipeline's errors say which command first
    """What an error of Redis or its client means to us."""
    text = str(error).rpartition(" caused error: ")[2]
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


# --8<-- [start:keys]
KEEP = 35 * 86_400  # seconds; a month and a few days


def keys(day: date) -> tuple[str, str, str]:
    """Name the keys of a day, in UTC wherever the code runs."""
    on = day.isoformat()
    return f"pageviews:{on}", f"visitors:{on}", f"top:pages:{on}"


# --8<-- [end:keys]


class Views:
    def __init__(self, cache: redis.Redis) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache = cache
        self.stats: Counter[str] = Counter()

    # --8<-- [start:record]
    def record(self, day: date, page_id: str, visitor: str) -> None:
        """Count in all three, one round trip. While Redis is away, it is lost."""
        views, visitors, top = keys(day)
        with self.cache.pipeline(transaction=True) as count:
            count.incr(views)
            count.pfadd(visitors, visitor)
            count.zincrby(top, 1, page_id)  # a page of yours, not what a URL says
            for key in (views, visitors, top):
                count.expire(key, KEEP, nx=True)  # set once, never put off
            self.tell_cache(count.execute)

    # --8<-- [end:record]

    def tell_cache(self, command: Any, *args: Any, **options: Any) -> None:
        """Tell. The caller has its row or its commit, whatever Redis answers."""
        try:
            command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) == MISTAKE:
                log.exception("a mistake that no outage excuses")

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


# --8<-- [start:report]
def report(cache: redis.Redis, day: date, pages: int = 3) -> tuple[int, int, Any]:
    """Views, visitors (about) and top pages of a day; no Redis, no numbers."""
    views, visitors, top = keys(day)
    with cache.pipeline(transaction=False) as read:
        read.get(views)
        read.pfcount(visitors)
        read.zrange(top, 0, max(pages, 1) - 1, desc=True, withscores=True)
        count, people, best = read.execute()
    return int(count or 0), people, best


def visitors_of(cache: redis.Redis, days: list[date]) -> int:
    """Count whoever came on any of these days once: a union, not a sum."""
    people: Any = cache.pfcount(*(keys(day)[1] for day in days))
    return int(people)


# --8<-- [end:report]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    monday = date(2026, 11, 23)
    tuesday = monday + timedelta(days=1)
    cache.delete(*keys(monday), *keys(tuesday))
    seen = Views(cache)
    for visitor, page in [("ada", "home"), ("ada", "product-7"), ("grace", "product-7")]:
        seen.record(monday, page, visitor)
    seen.record(tuesday, "home", "ada")
    views, people, best = report(cache, monday)
    print(f"Monday: {views} views by {people} visitors, top page {best[0][0]}")
    print("Tuesday: {} view by {} visitor".format(*report(cache, tuesday)))
    print("visitors on both days together:", visitors_of(cache, [monday, tuesday]))
    print("every key expires:", all(cache.ttl(key) > 0 for key in (*keys(monday), *keys(tuesday))))


if __name__ == "__main__":
    main()
