# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-behind, the dead letter: set entries aside that were delivered again and again and never acknowledged."""

import os
from typing import Any

import redis

STREAM, DEAD, GROUP = "stream:carts", "stream:carts:dead", "writers"

# --8<-- [start:bury]
MAX_DELIVERIES = 5
IDLE_MS = 60_000  # longer than any worker takes: nobody holds the entry now

BURY = """
local idle, buried = {'IDLE', ARGV[2], '-', '+', 100}, 0
for _, held in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], unpack(idle))) do
  local id, deliveries = held[1], held[4]
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if entry and deliveries >= tonumber(ARGV[3]) then
    redis.call('XADD', KEYS[2], '*', 'entry', id, unpack(entry[2]))
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
    buried = buried + 1
  end
end
return buried
"""


def bury(cache: redis.Redis, idle_ms: int = IDLE_MS) -> int:
    """Run it every minute, and alert on what it returns. How many were buried."""
    return int(cache.eval(BURY, 2, STREAM, DEAD, GROUP, idle_ms, MAX_DELIVERIES))


# --8<-- [end:bury]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    cache.delete(STREAM, DEAD)  # left by an earlier run
    cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    cache.xadd(STREAM, {"id": "1", "data": "no JSON"}, id="1-0")
    cache.xadd(STREAM, {"id": "2", "data": '{"pen":1}'}, id="2-0")
    cache.xreadgroup(GROUP, "worker", {STREAM: ">"})
    for delivery in range(2, 6):  # the database takes the second entry, and refuses the first
        cache.xack(STREAM, GROUP, "2-0")
        cache.xautoclaim(STREAM, GROUP, "worker", 0)
        print(f"delivery {delivery}, buried:", bury(cache, idle_ms=0))
    dead: Any = cache.xrange(DEAD)
    print("dead letter:", *dead[0][1].values())
    print("still pending:", cache.xpending(STREAM, GROUP)["pending"])


if __name__ == "__main__":
    main()
