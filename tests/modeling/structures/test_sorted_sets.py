"""A series in a sorted set, and readings that repeat."""

import redis


def test_equal_readings_collapse_into_one(redis_url: str) -> None:
    cache = redis.Redis.from_url(redis_url, decode_responses=True)
    for second in (1_764_000_000, 1_764_086_400):
        cache.zadd("product:7:prices", {"99900": second})
        cache.zadd("product:8:prices", {f"{second}:99900": second})
    assert cache.zcard("product:7:prices") == 1
    assert cache.zcard("product:8:prices") == 2
