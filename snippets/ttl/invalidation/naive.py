# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""How a user's keys are often invalidated, doing harm in four ways. Do not copy it: invalidate.py is the mended one."""

import os

import redis


# --8<-- [start:invalidate]
def invalidate_user_cache(cache: redis.Redis, user_id: str) -> None:
    cursor = 0
    while True:
        cursor, keys = cache.scan(cursor, match=f"user:{user_id}:*", count=100)
        if keys:
            cache.delete(*keys)
        if cursor == 0:
            break


# --8<-- [end:invalidate]


def store_users(cache: redis.Redis) -> None:
    for user_id in ("1234", "77"):
        cache.hset(f"user:{user_id}", "name", "Ada")
        cache.zadd(f"user:{user_id}:sessions", {"abc123": 1_800_000_000})
        cache.rpush(f"user:{user_id}:activity", "Logged in")


def main() -> None:
    cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    others = [f"demo:other:{number}" for number in range(10_000)]
    cache.mset(dict.fromkeys(others, "x"))
    store_users(cache)

    def after(*keys: str) -> str:
        return ", ".join(f"{key} {'is still there' if cache.exists(key) else 'is gone'}" for key in keys)

    scans = cache.info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"]
    invalidate_user_cache(cache, "1234")
    scans = cache.info("commandstats")["cmdstat_scan"]["calls"] - scans
    print("1. the profile it was called for:", after("user:1234"))
    print("2. not a cache at all:", after("user:1234:sessions", "user:1234:activity"))

    store_users(cache)
    invalidate_user_cache(cache, "*")
    print('3. with the id "*", another user:', after("user:77:sessions"))
    print(f"4. calls of SCAN to find 2 keys among 10,000 others: {'more than 50' if scans > 50 else scans}")
    cache.unlink(*others, "user:1234", "user:77")


if __name__ == "__main__":
    main()
