# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""KEYS against SCAN, on one job: give a TTL to the keys that have none. And what SCAN does not promise."""

import os
import random
import statistics
from typing import Any

import redis


# --8<-- [start:habit]
def expire_by_keys(cache: redis.Redis, pattern: str, ttl: int) -> int:
    keys = cache.keys(pattern)  # one command; other clients wait for its end
    with cache.pipeline(transaction=False) as batch:
        for key in keys:
            batch.expire(key, ttl, nx=True)
        changed: int = sum(batch.execute())
    return changed


# --8<-- [end:habit]


# --8<-- [start:scan]
def expire_by_scan(cache: redis.Redis, pattern: str, ttl: int, count: int) -> int:
    """Return how many had no TTL. It visits every key: no job for a request."""
    changed: int = 0
    cursor = 0
    while True:
        cursor, page = cache.scan(cursor, match=pattern, count=count)
        with cache.pipeline(transaction=False) as batch:
            for key in page:  # none, or more than `count`, or one seen before
                spread = round(ttl * random.uniform(0.9, 1.1))
                batch.expire(key, spread, nx=True)  # done twice, it changes nothing
            changed += sum(batch.execute())
        if cursor == 0:  # only this is the end
            return changed


# --8<-- [end:scan]


def fill(cache: redis.Redis) -> list[str]:
    names = [f"demo:listing:{number}" for number in range(20_000)]
    for start in range(0, len(names), 1000):
        cache.mset(dict.fromkeys(names[start : start + 1000], "x"))
    return names


def share(cache: redis.Redis) -> float:
    """How long a typical page of SCAN holds the server, against one KEYS, by the server's own clock."""
    before: Any = cache.config_get("slowlog-*")
    cache.config_set("slowlog-log-slower-than", 0, "slowlog-max-len", 10_000)
    try:
        cache.slowlog_reset()
        cache.keys("demo:listing:*")
        for _ in cache.scan_iter("demo:listing:*", count=100):
            pass
        entries: list[dict[str, Any]] = cache.slowlog_get(-1)
    finally:
        for name, value in before.items():
            cache.config_set(name, value)
    keys, scan = (
        statistics.median(one["duration"] for one in entries if one["command"].startswith(name))
        for name in (b"KEYS", b"SCAN")
    )
    return float(scan / keys)


def walk(cache: redis.Redis, pattern: str) -> tuple[list[int], list[str]]:
    """Scan while another client adds 1,000 keys. Return the length of each page, and the keys."""
    lengths, found, cursor = [], [], 0
    while True:
        cursor, page = cache.scan(cursor, match=pattern, count=10)
        lengths.append(len(page))
        found += [str(key) for key in page]
        if len(lengths) == 1000:
            cache.mset({f"demo:late:{number}": "x" for number in range(1000)})
        if cursor == 0:
            return lengths, found


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    late = [f"demo:late:{number}" for number in range(1000)]
    cache.unlink(*late)  # left by an earlier run
    names = fill(cache)
    print("keys without a TTL, by KEYS:", expire_by_keys(cache, "demo:listing:*", 3600))
    fill(cache)  # a plain SET or MSET takes the TTL away again
    print("keys without a TTL, by SCAN:", expire_by_scan(cache, "demo:listing:*", 3600, 500))
    print(f"a typical page of SCAN holds the server for less than a tenth of KEYS: {share(cache) < 0.1}")

    lengths, found = walk(cache, "demo:l*")
    seen = len(set(late) & set(found))
    print(f"pages longer than COUNT 10: {'some' if max(lengths) > 10 else 'none'}")
    print(f"keys added on the way: {'some were returned, some were not' if 0 < seen < 1000 else seen}")
    empty = walk(cache, "demo:listing:7")[0].count(0)
    print(f"empty pages on the way to one match: {'more than a thousand' if empty > 1000 else empty}")
    cache.unlink(*names, *late)


if __name__ == "__main__":
    main()
