# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-behind, the accepting side: a cart and its stream entry in one step; worker.py takes it to the database."""

import json
import os
import sqlite3

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# --8<-- [start:script]
STREAM, GROUP = "stream:carts", "writers"
LIMIT = 10_000  # entries that may wait; beyond it, writes are refused

# One step: the entry's id is the cart's version, and Redis only counts it up.
ACCEPT = """
if redis.call('XLEN', KEYS[2]) >= tonumber(ARGV[3]) then return false end
local version = redis.call('XADD', KEYS[2], '*', 'id', ARGV[1], 'data', ARGV[2])
redis.call('DEL', KEYS[1])  -- and with it the TTL: this value must not go
redis.call('HSET', KEYS[1], 'version', version, 'data', ARGV[2])
return version
"""
# --8<-- [end:script]


class QueueFullError(Exception):
    """Too many writes wait for the database: refuse this one."""


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),
    )


class Carts:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection, limit: int = LIMIT) -> None:
        self.cache, self.db, self.limit = cache, db, limit
        self.cache_errors = 0

    # --8<-- [start:accept]
    def save(self, cart_id: str, cart: dict) -> str:
        """Accept a cart, and return its version. If this raises, try it again."""
        data = json.dumps(cart, separators=(",", ":"))
        keys = f"cart:{cart_id}", STREAM
        version = self.cache.eval(ACCEPT, 2, *keys, cart_id, data, self.limit)
        if version is None:
            raise QueueFullError(f"{self.limit} writes wait")
        return str(version)

    # --8<-- [end:accept]

    # --8<-- [start:read]
    def get(self, cart_id: str) -> dict | None:
        try:
            data = self.cache.hget(f"cart:{cart_id}", "data")
        except redis.AuthenticationError:
            raise  # a ConnectionError by class, but waiting mends no password
        except (redis.ConnectionError, redis.TimeoutError):
            self.cache_errors += 1  # the row may be older than what was accepted
            data = None
        if data is None:  # and the row does not go into the cache: see the page
            query = "SELECT data FROM carts WHERE id = ?"
            data = (self.db.execute(query, (cart_id,)).fetchone() or [None])[0]
        return None if data is None else json.loads(data)

    # --8<-- [end:read]

    # --8<-- [start:depth]
    def depth(self) -> dict[str, int | None]:
        """How much waits: alert on it. A lag of None: Redis cannot tell."""
        [group] = self.cache.xinfo_groups(STREAM)
        return {
            "entries": self.cache.xlen(STREAM),
            "not yet read": group["lag"],
            "read, not acknowledged": group["pending"],
        }

    # --8<-- [end:depth]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete("cart:1", "cart:2", STREAM)  # left by an earlier run
    cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL)")
    db.execute("INSERT INTO carts VALUES ('2', '', '{\"ink\":1}')")
    carts = Carts(cache, db, limit=3)
    first, second = carts.save("1", {"pen": 1}), carts.save("1", {"pen": 2})
    print("accepted twice, in order:", "yes" if first < second else "no")
    print("cart 1 in Redis:", json.dumps(carts.get("1")).replace(" ", ""), "TTL", cache.ttl("cart:1"))
    print("cart 1 in the database:", db.execute("SELECT data FROM carts WHERE id = '1'").fetchone() or "nothing yet")
    print("cart 2, only in the database:", json.dumps(carts.get("2")).replace(" ", ""))
    cache.xreadgroup(GROUP, "a worker", {STREAM: ">"}, count=1)
    print("; ".join(f"{name}: {count}" for name, count in carts.depth().items()))
    carts.save("2", {"ink": 2})
    try:
        carts.save("1", {"pen": 3})
    except QueueFullError as error:
        print("refused:", error)
    cache.delete("cart:1", "cart:2", STREAM)  # no worker would take them


if __name__ == "__main__":
    main()
