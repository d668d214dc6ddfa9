# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-through: commit to the database, then store the row in Redis, unless a newer version is there."""

import json
import logging
import os
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from typing import Any, NamedTuple

import redis
from redis import OutOfMemoryError, ReadOnlyError
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, MaxConnectionsError, RedisClusterException, TryAgainError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

log = logging.getLogger(__name__)

# --8<-- [start:rows]
# Each write raises the version, and returns the whole row as it now is.
# A deleted row stays, so that a product that comes back goes on counting.
ROW = """id, version, CASE WHEN deleted THEN 'missing'
    ELSE json_object('id', id, 'name', name, 'price', price) END AS data"""
SAVE = f"""INSERT INTO products (id, name, price) VALUES (:id, :name, :price)
    ON CONFLICT (id) DO UPDATE SET version = products.version + 1, deleted = 0,
    name = excluded.name, price = excluded.price RETURNING {ROW}"""
CHANGE = f"""UPDATE products SET version = version + 1,
    name = coalesce(:name, name), price = coalesce(:price, price)
    WHERE id = :id AND NOT deleted RETURNING {ROW}"""
DELETE = f"""UPDATE products SET version = version + 1, deleted = 1
    WHERE id = :id AND NOT deleted RETURNING {ROW}"""
LOAD = f"SELECT {ROW} FROM products WHERE id = :id"
# --8<-- [end:rows]
# --8<-- [start:store]
KEY, MISSING = "cache:product:{}", "missing"  # that is stored of a deleted product
TTL = 3600  # s; a lost store leaves a product stale for 3,900 at most
MISSING_TTL = 600  # s; a store that comes 300 after its question keeps no data
ASK = "return {redis.call('HGET', KEYS[1], 'data'), redis.call('TIME')[1]}"

STORE = """
local stored = tonumber(redis.call('HGET', KEYS[1], 'version')) or -1
local version, known = tonumber(ARGV[1]), redis.call('HEXISTS', KEYS[1], 'data')
if stored > version or stored == version and known == 1 then return 0 end
local late = redis.call('TIME')[1] - ARGV[4] > 300
local fields = late and {} or {'data', ARGV[2]}
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(fields))
redis.call('EXPIRE', KEYS[1], ARGV[3])
return late and 0 or 1
"""
# --8<-- [end:store]


def connect(url: str) -> redis.Redis:
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


class Row(NamedTuple):
    id: str
    version: int
    data: str  # JSON, or MISSING


class Products:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.db = cache, db
        self.stats: Counter[str] = Counter()

    # --8<-- [start:write]
    def write(self, sql: str, **product: Any) -> Row | None:
        """SAVE, CHANGE or DELETE a product. None: there is no such product."""
        said, key = [(None, 0)], KEY.format(product["id"])
        self.tell_cache(lambda: said.append(self.cache.eval(ASK, 1, key)))
        row = self.commit(sql, **product)
        if row is not None:
            self.store(row, said[-1][1])  # after the commit, and what it returned
        return row

    def commit(self, sql: str, **product: Any) -> Row | None:
        values = {"name": None, "price": None, **product}
        with self.db:  # commits, or rolls back and raises
            rows = self.db.execute(sql, values).fetchall()
        return Row(*rows[0]) if rows else None

    def store(self, row: Row, asked: Any) -> bool:
        """Store a row unless Redis has a newer one, and say whether it did."""
        ttl = MISSING_TTL if row.data == MISSING else TTL
        args = 1, KEY.format(row.id), row.version, row.data, ttl, asked
        said: list[Any] = []
        self.tell_cache(lambda: said.append(self.cache.eval(STORE, *args)))
        return said == [1]

    # --8<-- [end:write]
    # --8<-- [start:read]
    def get(self, product_id: str) -> dict | None:
        key = KEY.format(product_id)
        data, asked = self.try_cache(self.cache.eval, ASK, 1, key) or (None, 0)
        if data == MISSING:
            return None
        if data is not None and (product := self.decode(data)):
            return product
        if data is not None:
            self.tell_cache(self.cache.hdel, key, "data")  # so that ours is stored
        row = self.commit(LOAD, id=product_id)
        if row and asked:
            self.store(row, asked)  # refused if a writer was faster
        return json.loads(row.data) if row and row.data != MISSING else None

    # --8<-- [end:read]
    def decode(self, data: str) -> dict | None:  # differs: a product as a dict
        with suppress(ValueError, TypeError, RecursionError):
            product = {"id": 0, "name": 0, "price": 0, **json.loads(data)}
            if list(map(type, product.values())) == [str, str, int]:
                return product
        self.stats["corrupt values"] += 1
        return None

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    def tell_cache(self, command: Any, *args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) == MISTAKE:
                log.exception("a mistake that no outage excuses")

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


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(KEY.format("1"))  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute(
        "CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INT, version DEFAULT 1, deleted DEFAULT 0)"
    )
    products = Products(cache, db)
    products.write(SAVE, id="1", name="Pen", price=200)

    def show(step: str, product_id: str) -> None:
        print(f"{step}:", *(cache.hvals(KEY.format(product_id)) or ["nothing"]))

    a, b = (products.commit(CHANGE, id="1", price=price) for price in (250, 300))
    for writer, row in ("B", b), ("A", a):  # both have committed, and A is late
        print(f"{writer} stores its row: {'yes' if row and products.store(row, cache.time()[0]) else 'refused'}")
    show("version and data in Redis", "1")
    products.write(CHANGE, id="1", name="Fountain pen")
    show("only the name was sent", "1")
    products.write(CHANGE, id="2", name="Nib")
    show("a change of product 2, which does not exist", "2")
    products.write(DELETE, id="1")
    show("deleted", "1")


if __name__ == "__main__":
    main()
