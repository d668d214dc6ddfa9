# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-behind, the accepting side: a cart and its stream entry in one step; worker.py takes it to the database."""

import json
import os
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterError,
    MaxConnectionsError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

# --8<-- [start:script]
STREAM, WAITING, GROUP = "stream:carts", "stream:carts:waiting", "writers"
LIMIT = 10_000  # entries that may wait; beyond it, writes are refused
REPEATED_S = 600  # s in which a repeat is known as one

# One step: the entry's id is the cart's version, and Redis only counts it up.
ACCEPT = """
local accepted = redis.call('GET', KEYS[2])
if accepted then return accepted end  -- a repeat is no new write
if redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[3]) then return false end
local version = redis.call('XADD', KEYS[3], '*', 'id', ARGV[1], 'data', ARGV[2])
redis.call('DEL', KEYS[1])  -- and with it the TTL: this value must not go
redis.call('HSET', KEYS[1], 'version', version, 'data', ARGV[2])
redis.call('HSET', KEYS[4], ARGV[1], version)  -- until the database has it
redis.call('SET', KEYS[2], version, 'EX', ARGV[4])
return version
"""
# --8<-- [end:script]

# --8<-- [start:lost]
LOST = """
local lost = 0
for _, version in ipairs(redis.call('HVALS', KEYS[2])) do
  local found = redis.call('XRANGE', KEYS[1], version, version)[1]
  if not found then lost = lost + 1 end
end
return lost
"""
# --8<-- [end:lost]


class QueueFullError(Exception):
    """Too many writes wait for the database: refuse this one."""


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


AWAY, REFUSED, BUSY, MISTAKE = "cache errors", "refused writes", "busy", "mistakes"
PASSING = redis.ConnectionError, redis.TimeoutError, ReadOnlyError, TryAgainError


def kind_of(error: Exception) -> str:
    """What an error of Redis or its client means to us."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or text[:7] in ("MISCONF", "NOREPLI"):
        return REFUSED  # Redis is well, serves reads, and takes no writes
    if isinstance(error, MaxConnectionsError) or text == "No connection available.":
        return BUSY  # our own pool is exhausted: Redis was not asked
    if isinstance(error, redis.AuthenticationError):
        return MISTAKE  # a ConnectionError by class, but waiting mends no password
    if isinstance(error, (*PASSING, ClusterError)) or text[:4] in ("BUSY", "UNBL"):
        return AWAY  # down, slow, starting, failing over, held up by a script
    gone = isinstance(error, RedisClusterException) and "cannot be conn" in text
    return AWAY if gone else MISTAKE  # else MOVED, WRONGTYPE, NOPERM, a bug of ours


def no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


class Carts:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection, limit: int = LIMIT) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.db, self.limit = cache, db, limit
        self.stats: Counter[str] = Counter()

    # --8<-- [start:accept]
    def save(self, cart_id: str, cart: dict, request: str) -> str:
        """Accept a cart; its version. If this raises, repeat it: the same request."""
        data = json.dumps(cart, separators=(",", ":"), allow_nan=False)
        keys = f"cart:{cart_id}", f"cart:{cart_id}:request:{request}", STREAM, WAITING
        args = cart_id, data, self.limit, REPEATED_S
        try:
            version = self.cache.eval(ACCEPT, len(keys), *keys, *args)
        except (redis.RedisError, RedisClusterException) as error:
            self.failed(error)
            raise  # nobody else has this write, so the caller must know
        if version is None:
            raise QueueFullError(f"{self.limit} writes wait")
        return str(version)

    # --8<-- [end:accept]

    # --8<-- [start:read]
    def get(self, cart_id: str) -> dict | None:
        data = self.try_cache(self.cache.hget, f"cart:{cart_id}", "data")
        if data is not None and (cart := self.decode(data)) is not None:
            return cart
        # the row may be older than what was accepted, and is not cached: see the page
        query = "SELECT data FROM carts WHERE id = ?"
        row = self.db.execute(query, (cart_id,)).fetchone()
        return json.loads(row[0]) if row else None

    def decode(self, data: str) -> dict | None:  # differs: a cart has any fields
        with suppress(ValueError, RecursionError):
            cart = json.loads(data, parse_constant=no_json)
            if isinstance(cart, dict):
                return cart
        self.stats["corrupt values"] += 1
        return None

    # --8<-- [end:read]

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Ask. If Redis is away, count that and answer None; a mistake surfaces."""
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    def failed(self, error: Exception) -> str:
        kind = kind_of(error)
        if kind == BUSY and time.monotonic() < self.hung + 2:
            kind = AWAY  # the pool is exhausted because Redis hangs
        elif kind == AWAY:
            self.hung = time.monotonic()
        self.stats[kind] += 1
        if isinstance(error, ReadOnlyError):  # its address may lead elsewhere now
            self.cache.connection_pool.disconnect(inuse_connections=False)
        return kind

    # --8<-- [start:depth]
    def depth(self) -> dict[str, int | None]:
        """What waits: alert on it. A lag of None: Redis cannot tell."""
        entries = self.cache.xlen(STREAM)
        group = {"lag": entries, "pending": 0}  # of one that a worker will make
        for found in self.cache.xinfo_groups(STREAM) if entries else []:
            group = found if found["name"] == GROUP else group
        return {
            "entries": entries,
            "not yet read": group["lag"],
            "read, not acknowledged": group["pending"],
            "lost or buried": int(self.cache.eval(LOST, 2, STREAM, WAITING)),
        }

    # --8<-- [end:depth]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    ours = "cart:1", "cart:2", STREAM, WAITING, *(f"cart:{n}:request:{r}" for n in "12" for r in "abcd")
    cache.delete(*ours)  # left by an earlier run
    cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE carts (id TEXT PRIMARY KEY, version TEXT NOT NULL, data TEXT NOT NULL)")
    db.execute("INSERT INTO carts VALUES ('2', '', '{\"ink\":1}')")
    carts = Carts(cache, db, limit=3)
    first, second = carts.save("1", {"pen": 1}, "a"), carts.save("1", {"pen": 2}, "b")
    print("accepted twice, in order:", "yes" if first < second else "no")
    print("the first one repeated is a new write:", "no" if carts.save("1", {"pen": 1}, "a") == first else "yes")
    print("cart 1 in Redis:", json.dumps(carts.get("1")).replace(" ", ""), "TTL", cache.ttl("cart:1"))
    print("cart 1 in the database:", db.execute("SELECT data FROM carts WHERE id = '1'").fetchone() or "nothing yet")
    print("cart 2, only in the database:", json.dumps(carts.get("2")).replace(" ", ""))
    cache.xreadgroup(GROUP, "a worker", {STREAM: ">"}, count=1)
    print("; ".join(f"{name}: {count}" for name, count in carts.depth().items()))
    carts.save("2", {"ink": 2}, "c")
    try:
        carts.save("1", {"pen": 3}, "d")
    except QueueFullError as error:
        print("refused:", error)
    cache.delete(*ours)  # no worker would take them


if __name__ == "__main__":
    main()
