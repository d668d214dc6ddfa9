# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A list as a feed: the latest events of a user, never more than a fixed number."""

import logging
import os
import time
from collections import Counter
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
        retry=Retry(NoBackoff(), retries=0),  # a repeated LPUSH would add the event twice
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


# --8<-- [start:feed]
LENGTH = 5  # events kept; a real feed keeps a hundred or so
TTL = 30 * 86_400  # seconds; a user who does nothing leaves nothing behind


def feed_key(user_id: str) -> str:
    return f"user:{user_id}:activity"


class Feed:
    def __init__(self, cache: redis.Redis) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache = cache
        self.stats: Counter[str] = Counter()

    def add(self, user_id: str, event: str) -> None:
        """Add and trim in one MULTI. While Redis is away, the event is lost."""
        key = feed_key(user_id)
        with self.cache.pipeline(transaction=True) as change:
            change.lpush(key, event)
            change.ltrim(key, 0, LENGTH - 1)
            change.expire(key, TTL)
            self.tell_cache(change.execute)

    def latest(self, user_id: str, count: int) -> Any:
        """Return the newest events first, and none while Redis is away."""
        if count < 1:
            return []  # an end of -1 would mean all of them
        key = feed_key(user_id)
        return self.try_cache(self.cache.lrange, key, 0, count - 1) or []

    # --8<-- [end:feed]

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Ask. If Redis is away, count that and answer None; a mistake surfaces."""
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

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


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(feed_key("1"))
    feed = Feed(cache)
    for number in range(1, 9):
        feed.add("1", f"saw product {number}")
    print("kept:", cache.llen(feed_key("1")))
    print("latest:", feed.latest("1", 3))


if __name__ == "__main__":
    main()
