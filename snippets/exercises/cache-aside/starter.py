# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Exercise: a cache of products that seems to work. It is wrong in three ways; mend them."""

import json
import logging
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

log = logging.getLogger(__name__)

Product = dict[str, Any]
FIELDS = ("id", "name", "price")  # the price in cents

TTL = 3600  # seconds


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # the database is the second try
    )
    return redis.Redis.from_pool(pool)


def listing_key(product_id: str) -> str:
    return f"cache:listing:{product_id}"


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


class Products:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.db = cache, db
        self.database_reads = 0
        self.stats: Counter[str] = Counter()

    # --8<-- [start:read]
    def get(self, product_id: str) -> Product | None:
        cached = self.known(product_id)  # None: nothing, or Redis is away
        product: Product | None = json.loads(cached) if cached else None
        if product:
            return product

        product = self.load(product_id)
        key, value = listing_key(product_id), json.dumps(product)
        self.tell_cache(self.cache.set, key, value, ex=TTL)
        return product

    def load(self, product_id: str) -> Product | None:
        self.database_reads += 1
        query = "SELECT id, name, price FROM products WHERE id = ?"
        row = self.db.execute(query, (product_id,)).fetchone()
        return None if row is None else dict(zip(FIELDS, row, strict=True))

    # --8<-- [end:read]

    # --8<-- [start:write]
    def save(self, product: Product) -> None:
        upsert = """INSERT INTO products (id, name, price)
                    VALUES (:id, :name, :price)
                    ON CONFLICT (id) DO UPDATE
                    SET name = excluded.name, price = excluded.price"""
        with self.db:  # commits, or rolls back and raises
            self.db.execute(upsert, product)

    # --8<-- [end:write]

    def known(self, product_id: str) -> str | None:
        """What Redis holds, if it is a product or `null`. Anything else is a miss."""
        cached: str | None = self.try_cache(self.cache.get, listing_key(product_id))
        if cached is None:
            return None
        with suppress(ValueError, RecursionError):  # no JSON
            found = json.loads(cached)
            if found is None or (isinstance(found, dict) and found.keys() == set(FIELDS)):
                return cached
        self.stats["corrupt values"] += 1
        return None

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Ask. If Redis is away, count that and answer None; a mistake surfaces."""
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    def tell_cache(self, command: Any, *args: Any, **options: Any) -> None:
        """Tell. The caller has its row or its commit, whatever Redis answers."""
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
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = connect(url)
    cache.delete(listing_key("1"), listing_key("2"))  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER)")
    products = Products(cache, db)

    products.save({"id": "1", "name": "Mug", "price": 900})
    print("a mug:", products.get("1"))
    products.save({"id": "1", "name": "Mug", "price": 700})
    print("on sale:", products.get("1"))

    products.database_reads = 0
    for _ in range(3):
        products.get("2")
    print("database reads for 3 reads of a missing product:", products.database_reads)
    minutes = round(cache.ttl(listing_key("2")) / 60)
    print("minutes that a missing product is remembered:", minutes)


if __name__ == "__main__":
    main()
