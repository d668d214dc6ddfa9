# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Invalidate what the cache holds of a user: the keys are known by name, so nothing is searched for."""

import os

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
        retry=Retry(NoBackoff(), retries=0),
    )
    return redis.Redis.from_pool(pool)


# --8<-- [start:invalidate]
def cached_keys(user_id: str) -> list[str]:
    """All that is cached of a user. Whoever caches more adds its key here."""
    return [f"cache:user:{user_id}", f"cache:cart:{user_id}"]


def invalidate_user(cache: redis.Redis, user_id: str) -> bool:
    """Call it after the commit. False: Redis is down, and only the TTL is left."""
    try:
        cache.unlink(*cached_keys(user_id))
    except redis.AuthenticationError:
        raise  # a ConnectionError by class, but waiting mends no password
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    return True


# --8<-- [end:invalidate]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    kept = ["user:1234:sessions", "cache:user:12345"]
    cache.unlink(*kept)  # left by an earlier run
    cache.zadd("user:1234:sessions", {"abc123": 1_800_000_000})
    cache.expire("user:1234:sessions", 1800)
    cache.set("cache:user:12345", '{"id":"12345","name":"Grace"}', ex=3600)

    for user_id in ("1234", "*"):
        cache.set("cache:user:1234", '{"id":"1234","name":"Ada"}', ex=3600)
        cache.set("cache:cart:1234", '["book"]', ex=3600)
        print(f"invalidate user {user_id}: {'done' if invalidate_user(cache, user_id) else 'Redis is down'}")
        for key in [*cached_keys("1234"), *kept]:
            print(f"  {key}: {'kept' if cache.exists(key) else 'gone'}")


if __name__ == "__main__":
    main()
