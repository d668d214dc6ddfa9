# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A string as a counter: page views, counted by Redis and not by the reader of the count."""

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
        retry=Retry(NoBackoff(), retries=0),  # a repeated INCR would count twice
    )
    return redis.Redis.from_pool(pool)


# --8<-- [start:count]
def views_key(page_id: str) -> str:
    return f"page:{page_id}:views"


def count(cache: redis.Redis, page_id: str) -> int:  # differs: it counts views
    """Count one view. Redis adds, so that no two callers read the same number."""
    views: Any = cache.incr(views_key(page_id))
    return int(views)


def views(cache: redis.Redis, *page_ids: str) -> list[int]:
    """Return the counts of several pages in one round trip."""
    found: Any = cache.mget([views_key(page_id) for page_id in page_ids])
    return [int(count or 0) for count in found]


# --8<-- [end:count]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(views_key("7"), views_key("8"))
    for _ in range(3):
        count(cache, "7")
    print("views of pages 7 and 8:", views(cache, "7", "8"))


if __name__ == "__main__":
    main()
