# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A list as a feed: the latest events of a user, never more than a fixed number."""

import os
from typing import Any

import redis
from redis.backoff import NoBackoff
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
        retry=Retry(NoBackoff(), retries=0),  # a repeated LPUSH would add the event twice
    )
    return redis.Redis.from_pool(pool)


# --8<-- [start:feed]
LENGTH = 5  # events kept; a real feed keeps a hundred or so
TTL = 30 * 86_400  # seconds; a user who does nothing leaves nothing behind


def feed_key(user_id: str) -> str:
    return f"user:{user_id}:activity"


def add(cache: redis.Redis, user_id: str, event: str) -> None:
    """Add and trim in one MULTI: nobody sees the list in between."""
    with cache.pipeline(transaction=True) as change:
        change.lpush(feed_key(user_id), event)
        change.ltrim(feed_key(user_id), 0, LENGTH - 1)
        change.expire(feed_key(user_id), TTL)
        change.execute()


def latest(cache: redis.Redis, user_id: str, count: int) -> Any:
    """Return the newest events first. An end of -1 would mean all of them."""
    return cache.lrange(feed_key(user_id), 0, count - 1) if count > 0 else []


# --8<-- [end:feed]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(feed_key("1"))
    for number in range(1, 9):
        add(cache, "1", f"saw product {number}")
    print("kept:", cache.llen(feed_key("1")))
    print("latest:", latest(cache, "1", 3))


if __name__ == "__main__":
    main()
