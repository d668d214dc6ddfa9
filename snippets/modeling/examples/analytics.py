# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Real-time analytics: views, visitors and top pages by day, each in a key that expires."""

import os
from datetime import date, timedelta
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
        retry=Retry(NoBackoff(), retries=0),  # a repeated command would count twice
    )
    return redis.Redis.from_pool(pool)


# --8<-- [start:record]
KEEP = 35 * 86_400  # seconds; a month and a few days


def keys(day: date) -> tuple[str, str, str]:
    """Name the keys of a day, in UTC wherever the code runs."""
    on = day.isoformat()
    return f"pageviews:{on}", f"visitors:{on}", f"top:pages:{on}"


def record(cache: redis.Redis, day: date, page_id: str, visitor: str) -> None:
    """Count one view in all three: one round trip, and no key without a TTL."""
    views, visitors, top = keys(day)
    with cache.pipeline(transaction=True) as count:
        count.incr(views)
        count.pfadd(visitors, visitor)
        count.zincrby(top, 1, page_id)  # a page of yours, not what a URL says
        for key in (views, visitors, top):
            count.expire(key, KEEP, nx=True)  # set once, never put off
        count.execute()


# --8<-- [end:record]


# --8<-- [start:report]
def report(cache: redis.Redis, day: date, pages: int = 3) -> tuple[int, int, Any]:
    """Return the views, the visitors (about) and the top pages of a day."""
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
    for visitor, page in [("ada", "home"), ("ada", "product-7"), ("grace", "product-7")]:
        record(cache, monday, page, visitor)
    record(cache, tuesday, "home", "ada")
    views, people, best = report(cache, monday)
    print(f"Monday: {views} views by {people} visitors, top page {best[0][0]}")
    print("Tuesday: {} view by {} visitor".format(*report(cache, tuesday)))
    print("visitors on both days together:", visitors_of(cache, [monday, tuesday]))
    print("every key expires:", all(cache.ttl(key) > 0 for key in (*keys(monday), *keys(tuesday))))


if __name__ == "__main__":
    main()
