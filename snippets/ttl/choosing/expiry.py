# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""The TTL calls from Python, and what is left of the key's time after each."""

import os
import time
from collections.abc import Iterator

import redis


# --8<-- [start:remaining]
def remaining(cache: redis.Redis, key: str) -> str:
    """Say in words what TTL answers: -2 and -1 are codes, not times."""
    seconds: int = cache.ttl(key)
    if seconds == -2:
        return "no such key"
    if seconds == -1:
        return "never expires"
    return f"{round(seconds / 60)} min"


# --8<-- [end:remaining]


# --8<-- [start:calls]
def walk_through(cache: redis.Redis, key: str) -> Iterator[str]:
    """Name each call when it is done."""
    cache.set(key, "20 % off", ex=3600)  # value and TTL in one command
    yield "set, ex=3600"
    cache.expire(key, 7200)  # seconds from now, in place of what was left
    yield "expire 7200"
    cache.expireat(key, int(time.time()) + 3600)  # a moment of the clock
    yield "expireat now + 3600"
    cache.set(key, "25 % off", keepttl=True)
    yield "set, keepttl"
    cache.set(key, "30 % off")
    yield "set"
    cache.expire(key, 7200)
    cache.persist(key)
    yield "persist"
    cache.expireat(key, 1_699_999_999)  # in November 2023
    yield "expireat in the past"


# --8<-- [end:calls]


def main() -> None:
    cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    for call in walk_through(cache, "demo:offer"):
        print(f"{call}: {remaining(cache, 'demo:offer')}")


if __name__ == "__main__":
    main()
