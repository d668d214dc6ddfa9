# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A list as a feed: the latest events of a user, never more than a fixed number."""

import os
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),  # a repeated LPUSH would add the event twice
    )


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
