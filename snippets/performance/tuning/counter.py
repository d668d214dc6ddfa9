# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A counter with a maximum and a TTL, changed by one Lua script, so that no other command comes between."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import redis

# --8<-- [start:script]
SCRIPT = """
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count == nil then return redis.error_reply('ERR counter holds no number') end
if count >= tonumber(ARGV[1]) then return false end
count = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[2], 'NX')
return count
"""


def counter(client: redis.Redis, name: str) -> Callable[[int, int], int | None]:
    """Return a function that counts one up, or answers None at the maximum."""
    script = client.register_script(SCRIPT)  # sent once, then called by its hash

    def take(maximum: int, ttl: int) -> int | None:
        count = script(keys=[f"counter:{name}"], args=[maximum, ttl])
        return None if count is None else int(count)

    return take


# --8<-- [end:script]


def main() -> None:
    client = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    client.delete("counter:tickets")
    take = counter(client, "tickets")
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: take(100, 60), range(500)))
    numbers = sorted(number for number in taken if number is not None)
    print("asked:", len(taken), "got one:", len(numbers), "refused:", taken.count(None))
    print("each number once:", numbers == list(range(1, 101)))
    print("counter:", int(client.get("counter:tickets") or 0), "TTL:", client.ttl("counter:tickets"))


if __name__ == "__main__":
    main()
