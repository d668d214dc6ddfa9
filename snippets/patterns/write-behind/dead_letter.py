# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-behind, the dead letter: set entries aside that were tried again and again and never acknowledged."""

import os
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

STREAM, DEAD, GROUP = "stream:carts", "stream:carts:dead", "writers"

# --8<-- [start:bury]
MAX_DELIVERIES = 5  # what has had so many, no worker claims any more,
IDLE_MS = 60_000  # so nobody holds it after a time longer than any worker takes

BURY = """
local idle = {'IDLE', ARGV[2], '-', '+', 1000}
local held = redis.pcall('XPENDING', KEYS[1], ARGV[1], unpack(idle))
if held.err and not held.err:find('^NOGROUP') then return held end  -- a flush
for _, entry in ipairs(held) do
  local id, deliveries = entry[1], entry[4]
  if deliveries >= tonumber(ARGV[3]) then
    local found = redis.call('XRANGE', KEYS[1], id, id)[1]  -- or it was trimmed
    if found then
      redis.call('XADD', KEYS[2], '*', 'entry', id, unpack(found[2]))
    end
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
  end
end
return redis.call('XLEN', KEYS[2])
"""


def bury(cache: redis.Redis, idle_ms: int = IDLE_MS) -> int:
    """Run it every minute, and alert on what it returns: how many lie there."""
    return int(cache.eval(BURY, 2, STREAM, DEAD, GROUP, idle_ms, MAX_DELIVERIES))


# --8<-- [end:bury]


def connect(url: str) -> redis.Redis:
    """Make the one client that the whole process shares. Times are in seconds."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # the database is the second try
    )
    return redis.Redis.from_pool(pool)


def main() -> None:
    cache: Any = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(STREAM, DEAD)  # left by an earlier run
    cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    cache.xadd(STREAM, {"id": "1", "data": "no JSON"}, id="1-0")
    cache.xadd(STREAM, {"id": "2", "data": '{"pen":1}'}, id="2-0")
    cache.xreadgroup(GROUP, "worker", {STREAM: ">"})
    for delivery in range(2, 6):  # the database takes the second entry, and refuses the first
        cache.xack(STREAM, GROUP, "2-0")
        cache.xautoclaim(STREAM, GROUP, "worker", 0)
        print(f"delivery {delivery}, buried:", bury(cache, idle_ms=0))
    dead = cache.xrange(DEAD)
    print("dead letter:", *dead[0][1].values())
    print("still pending:", cache.xpending(STREAM, GROUP)["pending"])


if __name__ == "__main__":
    main()
