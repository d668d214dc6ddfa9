# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Exercise, solved: products written through to Redis by version, so that a late writer cannot win."""

import json
import logging
import os
import sqlite3
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

log = logging.getLogger(__name__)

Product = dict[str, Any]
FIELDS = ("id", "name", "price")  # the price in cents

TTL = 3600  # seconds; of a product, and of the tombstone of a deleted one


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


def product_key(product_id: str) -> str:
    return f"cache:product:{product_id}"


# --8<-- [start:script]
# ARGV: version, TTL, and the data unless the product is deleted
OFFER = """
local known = redis.call('HGET', KEYS[1], 'version')
if known and tonumber(known) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
if ARGV[3] then redis.call('HSET', KEYS[1], 'data', ARGV[3]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
# --8<-- [end:script]


class Products:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection) -> None:
        self.cache, self.db = cache, db
        self.cache_errors = 0

    # --8<-- [start:write]
    def update(
        self,
        product_id: str,
        name: str | None = None,
        price: int | None = None,
    ) -> Product | None:
        query = """UPDATE products
                   SET name = coalesce(?, name), price = coalesce(?, price),
                       version = version + 1
                   WHERE id = ? RETURNING id, name, price, version"""
        with self.db:  # commits, or rolls back and raises
            row = self.db.execute(query, (name, price, product_id)).fetchone()
        if row is None:
            return None
        product = dict(zip(FIELDS, row, strict=False))
        self.offer(product_id, row[-1], product)
        return product

    def delete(self, product_id: str) -> bool:
        query = "DELETE FROM products WHERE id = ? RETURNING version"
        with self.db:
            row = self.db.execute(query, (product_id,)).fetchone()
        if row is not None:
            self.offer(product_id, row[0] + 1, None)
        return row is not None

    # --8<-- [end:write]

    # --8<-- [start:offer]
    def offer(self, product_id: str, version: int, product: Product | None) -> bool:
        key = product_key(product_id)
        data = [] if product is None else [json.dumps(product)]
        try:
            return bool(self.cache.eval(OFFER, 1, key, version, TTL, *data))
        except redis.RedisError:  # away, refusing writes, or a mistake of ours
            self.cache_errors += 1
            log.exception("Redis did not take version %s of %s", version, key)
            return False  # the row is committed, so nothing is raised

    # --8<-- [end:offer]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = connect(url)
    cache.delete(product_key("1"))  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER)")
    db.execute("INSERT INTO products VALUES ('1', 'Mug', 900, 1)")
    db.commit()
    products = Products(cache, db)
    old = {"id": "1", "name": "Mug", "price": 900}

    def show(step: str, call: Callable[[], Any]) -> None:
        try:
            print(f"{step}: {call()}")
        except NotImplementedError:
            print(f"{step}: not written yet")

    show("a new price", lambda: products.update("1", price=700))
    show("in the cache", lambda: cache.hgetall(product_key("1")))
    show("a late writer puts version 1", lambda: products.offer("1", 1, old))
    show("a price for a missing product", lambda: products.update("2", price=700))
    show("deleted", lambda: products.delete("1"))
    show("in the cache", lambda: cache.hgetall(product_key("1")))
    show("a late writer puts version 2", lambda: products.offer("1", 2, old))


if __name__ == "__main__":
    main()
