# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A full Redis under each policy: are writes refused, are keys evicted, are reads served?

It fills a Redis and evicts from it: run it against an empty one of your own.
"""

import os
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import redis

POLICIES = ["noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
            "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]  # fmt: skip
VALUE = "x" * 10_000
KEYS = [f"demo:eviction:{number}" for number in range(400)]  # 4 MB, into room for 2


class Outcome(NamedTuple):
    """What happened to a Redis that was filled beyond its limit."""

    refused: bool
    evicted: bool
    reads_served: bool

    def __str__(self) -> str:
        found = ["refuses writes"] * self.refused + ["evicts"] * self.evicted
        return " and ".join(found) or "has room"


# --8<-- [start:fill]
def fill(cache: redis.Redis, policy: str, ttl: int | None) -> Outcome:
    """Write 4 MB into room for 2, with or without a TTL on the keys."""
    room = cache.info("memory")["used_memory"] + 2_000_000
    cache.config_set("maxmemory", room, "maxmemory-policy", policy)
    evicted, refused, last = evictions(cache), False, ""
    for key in KEYS:
        try:
            cache.set(key, VALUE, ex=ttl)
            last = key
        except redis.OutOfMemoryError:
            refused = True
            break
    return Outcome(refused, evictions(cache) > evicted, cache.get(last) is not None)


# --8<-- [end:fill]


def evictions(cache: redis.Redis) -> int:
    return int(cache.info("stats")["evicted_keys"])


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        raise SystemExit("This program makes Redis evict keys. Run it against one on this machine.")
    cache = redis.Redis.from_url(url, decode_responses=True)
    if cache.dbsize():
        raise SystemExit("This Redis is not empty, and what it holds could go. Run this against an empty one.")
    before: Any = cache.config_get("maxmemory", "maxmemory-policy")
    reads = []
    try:
        for policy in POLICIES:
            words = []
            for state, ttl in (("without TTLs", None), ("with TTLs", 3600)):
                outcome = fill(cache, policy, ttl)
                cache.config_set("maxmemory", 0)
                cache.delete(*KEYS)
                reads.append(outcome.reads_served)
                words.append(f"{outcome} {state}")
            print(f"{policy}: {', '.join(words)}")
    finally:
        for name, value in before.items():
            cache.config_set(name, value)
        cache.delete(*KEYS)
    print(f"reads served in all of them: {all(reads)}")


if __name__ == "__main__":
    main()
