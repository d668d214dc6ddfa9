# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-behind, the worker: from the stream to the database. With DATABASE set it runs until SIGTERM."""

import contextlib
import os
import signal
import socket
import sqlite3
import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

STREAM, GROUP, CLAIM_AFTER_MS = "stream:carts", "writers", 30_000
OUTAGES = redis.ConnectionError, redis.TimeoutError, sqlite3.OperationalError
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
if redis.call('HGET', KEYS[1], 'version') == ARGV[2] then
  redis.call('EXPIRE', KEYS[1], 3600)  -- the database has this value: it may go
end
redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[2], ARGV[2])
"""
# --8<-- [end:settle]


class Writer:
    def __init__(self, cache: Any, db: sqlite3.Connection, claim_after_ms: int = CLAIM_AFTER_MS) -> None:
        self.cache, self.db, self.claim_after_ms = cache, db, claim_after_ms
        self.name, self.cursor, self.stopping = f"{socket.gethostname()}-{os.getpid()}", "0-0", False
        self.stats = {"settled": 0, "refused": 0, "outages": 0}

    # --8<-- [start:run]
    def run(self, until_empty: bool = False) -> None:
        while not self.stopping:
            try:
                self.db.execute("BEGIN IMMEDIATE")  # can it write? else take nothing
                self.db.rollback()
                entries = self.claim() or self.read()
                for entry_id, fields in entries:
                    if self.stopping:
                        return  # another worker will claim the rest
                    self.handle(entry_id, fields)
                if until_empty and not entries:
                    return
            except OUTAGES:  # nothing is lost: what is not acknowledged stays
                self.stats["outages"] += 1
                time.sleep(0.2)

    # --8<-- [end:run]

    # --8<-- [start:handle]
    def handle(self, entry_id: str, fields: dict) -> None:
        cart_id, data = fields.get("id"), fields.get("data")
        try:
            with self.db:  # commits, or rolls back and raises
                self.db.execute(UPSERT, (cart_id, sortable(entry_id), data))
        except sqlite3.IntegrityError:
            self.stats["refused"] += 1  # stays pending, is claimed and tried again
        else:
            self.cache.eval(SETTLE, 2, f"cart:{cart_id}", STREAM, GROUP, entry_id)
            self.stats["settled"] += 1

    # --8<-- [end:handle]

    # --8<-- [start:take]
    def read(self) -> list:
        new = {STREAM: ">"}  # wait half a second for what no worker has had
        found = self.cache.xreadgroup(GROUP, self.name, new, count=16, block=500)
        return found[0][1] if found else []

    def claim(self) -> list:
        """Take over what another worker has had for too long: it may be dead."""
        old = {"min_idle_time": self.claim_after_ms, "start_id": self.cursor}
        taken = self.cache.xautoclaim(STREAM, GROUP, self.name, **old, count=16)
        self.cursor, entries, _ = taken
        return list(entries)

    # --8<-- [end:take]


def connect(url: str) -> redis.Redis:  # differs: its timeout is longer than read() waits
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=5,
        retry=Retry(NoBackoff(), retries=0),
    )


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    database = os.environ.get("DATABASE")
    db = sqlite3.connect(database or ":memory:", timeout=5)
    db.execute(TABLE)
    if not database:
        cache.delete(STREAM)  # left by an earlier run
    with contextlib.suppress(redis.ResponseError):  # BUSYGROUP: another worker was first
        cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    if database:
        writer = Writer(cache, db, int(os.environ.get("CLAIM_AFTER_MS", CLAIM_AFTER_MS)))
        signal.signal(signal.SIGTERM, lambda *_: setattr(writer, "stopping", True))
        return writer.run()

    cache.xadd(STREAM, {"id": "1", "data": '{"pen":1}'}, id="1-0")
    cache.xadd(STREAM, {"id": "1", "data": '{"pen":2}'}, id="2-0")
    cache.hset("cart:1", mapping={"version": "2-0", "data": '{"pen":2}'})
    cache.xreadgroup(GROUP, "dies with it", {STREAM: ">"}, count=1)
    writer = Writer(cache, db, claim_after_ms=0)
    writer.handle(*writer.read()[0])
    print("the newer entry is written:", *db.execute("SELECT id, data FROM carts").fetchone())
    writer.run(until_empty=True)
    print("the older one comes again:", *db.execute("SELECT id, data FROM carts").fetchone())
    print("waiting:", cache.xlen(STREAM), "TTL of the cart in minutes:", round(cache.ttl("cart:1") / 60))


if __name__ == "__main__":
    main()
