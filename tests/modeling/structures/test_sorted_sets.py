"""A series in a sorted set, and readings that repeat."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis


def test_equal_readings_collapse_into_one(redis_url: str) -> None:
    cache = redis.Redis.from_url(redis_url, decode_responses=True)
    for second in (1_764_000_000, 1_764_086_400):
        cache.zadd("product:7:prices", {"99900": second})
        cache.zadd("product:8:prices", {f"{second}:99900": second})
    assert cache.zcard("product:7:prices") == 1
    assert cache.zcard("product:8:prices") == 2


def test_no_two_workers_pop_the_same_job_and_the_most_urgent_goes_first(redis_url: str) -> None:
    cache: Any = redis.Redis.from_url(redis_url, decode_responses=True)
    cache.zadd("demo:jobs", {"mail 3": 3, "mail 1": 1, "mail 2": 2})
    assert [cache.zpopmin("demo:jobs")[0][0] for _ in range(3)] == ["mail 1", "mail 2", "mail 3"]
    cache.zadd("demo:jobs", {f"mail {number}": number for number in range(400)})
    with ThreadPoolExecutor(8) as pool:
        popped = list(pool.map(lambda _: cache.zpopmin("demo:jobs")[0][0], range(400)))
    assert len(set(popped)) == 400
