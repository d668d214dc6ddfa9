# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A copy that gets its TTL in a second command, and a process that dies before it. And the same in one command."""

import contextlib
import os
import random
from collections.abc import Callable
from typing import Any

import redis

KEYS = [f"cache:user:{number}" for number in range(1000)]
Remember = Callable[[redis.Redis, str, str], Any]


# --8<-- [start:habit]
def remember(cache: redis.Redis, key: str, value: str) -> None:
    """Two commands, and two round trips."""
    cache.set(key, value)
    # a deploy, a crash or a timeout here, and the copy stays for ever
    cache.expire(key, 3600)


# --8<-- [end:habit]


# --8<-- [start:mend]
TTL = 3600  # seconds, ±10 %: a lost delete leaves a user stale for 3,960 at most


def remember_for(cache: redis.Redis, key: str, value: str) -> None:
    """Value and TTL arrive together, or neither does."""
    cache.set(key, value, ex=round(TTL * random.uniform(0.9, 1.1)))


# --8<-- [end:mend]


class DiesBeforeExpire(redis.Redis):
    """The client of a process that is killed before its next EXPIRE."""

    def expire(self, *_: Any, **__: Any) -> Any:
        raise SystemExit("killed between the two commands")


def write(url: str, how: Remember) -> None:
    """Write all copies, each tenth of them by a process that is killed."""
    lives, dies = redis.Redis.from_url(url), DiesBeforeExpire.from_url(url)
    for number, key in enumerate(KEYS):
        with contextlib.suppress(SystemExit):
            how(dies if number % 10 == 0 else lives, key, "Ada")


def left_in_two_hours(cache: redis.Redis) -> int:
    """Let every TTL run out, and return how many copies are still served."""
    for key in KEYS:
        cache.pexpire(key, 1, xx=True)  # only where there is a TTL
    while any(cache.pttl(key) >= 0 for key in KEYS):
        pass
    return int(cache.exists(*KEYS))


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    ways: dict[str, Remember] = {"SET, then EXPIRE": remember, "SET with EX": remember_for}
    for name, how in ways.items():
        cache.unlink(*KEYS)
        write(url, how)
        mortal = sum(cache.ttl(key) > 0 for key in KEYS)
        print(f"{name}: {len(KEYS) - mortal} of {len(KEYS)} copies never expire")
        print(f"  two hours later, every delete having been lost: {left_in_two_hours(cache)} are still served")
    cache.unlink(*KEYS)


if __name__ == "__main__":
    main()
