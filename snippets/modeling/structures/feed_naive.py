# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A feed trimmed in a second step, and a process that dies before it. Do not copy it: feed.py is the mended one."""

import contextlib
import os
from typing import Any

import redis

LENGTH = 5
KEY = "user:1:activity"


# --8<-- [start:add]
def add(cache: redis.Redis, event: str) -> None:
    cache.lpush(KEY, event)
    # a deploy, a crash or a timeout here, and the list stays too long
    cache.ltrim(KEY, 0, LENGTH - 1)


class DiesBeforeTrim(redis.Redis):
    def ltrim(self, *_: Any, **__: Any) -> Any:
        raise SystemExit("killed between the two commands")


# --8<-- [end:add]


def main() -> None:
    cache = DiesBeforeTrim.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(KEY)
    for number in range(8):
        with contextlib.suppress(SystemExit):
            add(cache, f"saw product {number}")
    print(f"at most {LENGTH} events, it says. There are {cache.llen(KEY)}, and TTL is {cache.ttl(KEY)}.")
    cache.delete(KEY)


if __name__ == "__main__":
    main()
