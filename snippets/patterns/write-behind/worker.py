# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-behind, the worker: from the stream to the database. With DATABASE set it runs until SIGTERM."""

import os
import signal
import socket
import sqlite3
import time
from collections import Counter
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

STREAM, WAITING, GROUP = "stream:carts", "stream:carts:waiting", "writers"
CLAIM_AFTER_MS = 30_000  # longer than one entry takes
MAX_DELIVERIES = 5  # as dead_letter.py has it, which takes over from there
TABLE = """CREATE TABLE IF NOT EXISTS carts (id TEXT PRIMARY KEY NOT NULL, version TEXT NOT NULL,
           data TEXT NOT NULL CHECK (json_valid(data)))"""

# --8<-- [start:upsert]
UPSERT = """INSERT INTO carts (id, version, data) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, data = excluded.data
    WHERE excluded.version > carts.version"""  # an older entry changes nothing


def sortable(entry_id: str) -> str:
    """The two numbers of an entry's id, padded so that texts compare as they do."""
    return "-".join(number.zfill(20) for number in entry_id.split("-"))


# --8<-- [end:upsert]

# --8<-- [start:settle]
SETTLE = """
if redis.pcall('HGET', KEYS[1], 'version') == ARGV[2] then
  redis.call('EXPIRE', KEYS[1], 3600)  -- the database has this value: it may go
end
if redis.call('HGET', KEYS[3], ARGV[3]) == ARGV[2] then
  redis.call('HDEL', KEYS[3], ARGV[3])  -- no newer one waits
end
redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[2], ARGV[2])
"""
# --8<-- [end:settle]


def connect(url: str) -> redis.Redis:  # differs: its timeout is longer than read() waits
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=5,  # and no server may stretch it by a push:
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


class Writer:
    def __init__(self, cache: Any, db: sqlite3.Connection, claim_after_ms: int = CLAIM_AFTER_MS) -> None:
        self.cache, self.db, self.claim_after_ms = cache, db, claim_after_ms
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.stopping, self.has_group, self.stats = False, True, Counter[str]()

    # --8<-- [start:run]
    def run(self, until_empty: bool = False) -> None:
        while not self.stopping and (self.turn() != 0 or not until_empty):
            pass

    def turn(self) -> int | None:
        """Take entries and write them; how many. None where something is away."""
        try:
            self.db.execute("BEGIN IMMEDIATE")  # can it write? else take nothing
            self.db.rollback()
            if not self.has_group:
                self.make_group()
            entries = self.claim() or self.read()
            for entry_id, fields in entries:
                if self.stopping:
                    break  # another worker will claim the rest
                self.handle(entry_id, fields)
            return len(entries)
        except sqlite3.OperationalError:
            self.stats["database errors"] += 1
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) == MISTAKE:
                raise  # and its supervisor starts it again
        time.sleep(0.2)  # nothing is lost: what is not acknowledged stays
        return None

    # --8<-- [end:run]

    # --8<-- [start:group]
    def make_group(self) -> None:
        """Only where it is missing: a full Redis refuses even what changes nothing."""
        try:
            self.cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise  # else another worker was first
        self.has_group = True

    def failed(self, error: Exception) -> str:  # differs: a group that is gone is made
        kind = kind_of(error)
        if str(error).startswith("NOGROUP"):  # at first, or after a flush
            self.has_group, kind = False, "no group"
        self.stats[kind] += 1
        if isinstance(error, ReadOnlyError):  # its address may lead elsewhere now
            self.cache.connection_pool.disconnect(inuse_connections=False)
        return kind

    # --8<-- [end:group]

    # --8<-- [start:handle]
    def handle(self, entry_id: str, fields: dict) -> None:
        cart_id, data = fields.get("id"), fields.get("data")
        try:
            with self.db:  # commits, or rolls back and raises
                self.db.execute(UPSERT, (cart_id, sortable(entry_id), data))
        except sqlite3.IntegrityError:
            self.stats["refused"] += 1  # stays pending, is claimed and tried again
        except sqlite3.OperationalError:
            self.claim_again(entry_id)  # the database's fault, not the entry's
            raise
        else:
            keys = f"cart:{cart_id}", STREAM, WAITING
            self.cache.eval(SETTLE, len(keys), *keys, GROUP, entry_id, cart_id)
            self.stats["settled"] += 1

    # --8<-- [end:handle]

    # --8<-- [start:take]
    def read(self) -> list:
        new = {STREAM: ">"}  # wait half a second for what no worker has had
        found = self.cache.xreadgroup(GROUP, self.name, new, count=16, block=500)
        return found[0][1] if found else []

    def claim(self) -> list:
        """Take over one entry that was had too long. One: a delivery is an attempt."""
        idle = self.claim_after_ms
        for held in self.cache.xpending_range(STREAM, GROUP, "-", "+", 1000, idle=idle):
            if held["times_delivered"] < MAX_DELIVERIES:  # else leave it to bury()
                entry = [held["message_id"]]
                return list(self.cache.xclaim(STREAM, GROUP, self.name, idle, entry))
        return []

    def claim_again(self, entry_id: str) -> None:
        """Hold an entry as if it had come for the first time."""
        again = {"min_idle_time": 0, "retrycount": 1, "justid": True}
        self.cache.xclaim(STREAM, GROUP, self.name, message_ids=[entry_id], **again)

    # --8<-- [end:take]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    database = os.environ.get("DATABASE")
    db = sqlite3.connect(database or ":memory:", timeout=5)
    db.execute(TABLE)
    if database:
        writer = Writer(cache, db, int(os.environ.get("CLAIM_AFTER_MS", CLAIM_AFTER_MS)))
        signal.signal(signal.SIGTERM, lambda *_: setattr(writer, "stopping", True))
        return writer.run()

    cache.delete(STREAM)  # left by an earlier run
    writer = Writer(cache, db, claim_after_ms=0)
    writer.make_group()
    cache.xadd(STREAM, {"id": "1", "data": '{"pen":1}'}, id="1-0")
    cache.xadd(STREAM, {"id": "1", "data": '{"pen":2}'}, id="2-0")
    cache.hset("cart:1", mapping={"version": "2-0", "data": '{"pen":2}'})
    cache.xreadgroup(GROUP, "dies with it", {STREAM: ">"}, count=1)
    writer.handle(*writer.read()[0])
    print("the newer entry is written:", *db.execute("SELECT id, data FROM carts").fetchone())
    writer.run(until_empty=True)
    print("the older one comes again:", *db.execute("SELECT id, data FROM carts").fetchone())
    print("waiting:", cache.xlen(STREAM), "TTL of the cart in minutes:", round(cache.ttl("cart:1") / 60))


if __name__ == "__main__":
    main()
