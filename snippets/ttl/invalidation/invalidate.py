# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Invalidate what the cache holds of a user: the keys are known by name, so nothing is searched for."""

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
        retry=Retry(NoBackoff(), retries=0),
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


# --8<-- [start:invalidate]
def cached_keys(user_id: str) -> list[str]:
    """All that is cached of a user. Whoever caches more adds its key here."""
    return [f"cache:user:{user_id}", f"cache:cart:{user_id}"]


class Cached:
    def __init__(self, cache: redis.Redis) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache = cache
        self.stats: Counter[str] = Counter()

    def invalidate(self, user_id: str) -> bool:
        """Call it after the commit. False: perhaps only the TTL is left."""
        return self.tell_cache(self.cache.unlink, *cached_keys(user_id))

    # --8<-- [end:invalidate]

    def tell_cache(  # differs: says whether Redis did it
        self, command: Any, *args: Any, **options: Any
    ) -> bool:
        """Tell. The caller has its commit, whatever Redis answers."""
        try:
            command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) == MISTAKE:
                log.exception("a mistake that no outage excuses")
            return False
        return True

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
    kept = ["user:1234:sessions", "cache:user:12345"]
    cache.unlink(*kept)  # left by an earlier run
    cache.zadd("user:1234:sessions", {"abc123": 1_800_000_000})
    cache.expire("user:1234:sessions", 1800)
    cache.set("cache:user:12345", '{"id":"12345","name":"Grace","email":"grace@example.com"}', ex=3600)

    cached = Cached(cache)
    for user_id in ("1234", "*"):
        cache.set("cache:user:1234", '{"id":"1234","name":"Ada","email":"ada@example.com"}', ex=3600)
        cache.set("cache:cart:1234", '{"id":"1234","items":{"book":1}}', ex=3600)
        print(f"invalidate user {user_id}: {'done' if cached.invalidate(user_id) else 'lost'}")
        for key in [*cached_keys("1234"), *kept]:
            print(f"  {key}: {'kept' if cache.exists(key) else 'gone'}")


if __name__ == "__main__":
    main()
