# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Read from a replica of an open-source Redis where a value may be a little old, else from the primary."""

import os
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


def connect(url: str) -> redis.Redis:
    """Make the one client that the whole process shares. Times are in seconds."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # the database is the second try
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


# --8<-- [start:read]
class Reader:
    """Reads that may be a little old come from the replica, the others do not."""

    def __init__(self, primary: Any, replica: Any) -> None:
        self.primary, self.replica = primary, replica
        self.stats: Counter[str] = Counter()

    def get(self, key: str, may_be_old: bool = True) -> Any:
        if may_be_old:
            try:
                return self.replica.get(key)
            except redis.RedisError as error:
                if kind_of(error) != AWAY:
                    raise  # a mistake, or our own pool is used up
                self.stats["replica errors"] += 1  # alert on it: the primary pays
        return self.primary.get(key)

    def set(self, key: str, value: str, ttl: int, replicas: int = 0) -> int:
        """Write, then wait up to 0.1 s. Return how many replicas have it."""
        with self.primary.client() as connection:  # WAIT counts for its connection
            connection.set(key, value, ex=ttl)
            return int(connection.wait(replicas, 100)) if replicas else 0


# --8<-- [end:read]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    replica_url = os.environ.get("REPLICA_URL", url)  # without a replica, the primary serves both
    reader = Reader(connect(url), connect(replica_url))
    reader.set("demo:price", "99900", 60, replicas=int(replica_url != url))
    print("may be old:", reader.get("demo:price"))
    print("may not:", reader.get("demo:price", may_be_old=False))
    down = Reader(connect(url), connect("redis://127.0.0.1:1"))
    print("replica down:", down.get("demo:price"), "errors:", down.stats["replica errors"])


if __name__ == "__main__":
    main()
