# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Exercise: write products through to Redis by version, so that a late writer cannot win."""

import os
import sqlite3
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

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
        """Change what is given, raise the row's version by one, commit; then offer.

        Return the whole product, or None where there is none: then nothing is cached.
        """
        raise NotImplementedError

    def delete(self, product_id: str) -> bool:
        """Delete the row, commit; then offer a tombstone, one version higher.

        Return whether there was such a product; if not, nothing is cached.
        """
        raise NotImplementedError

    # --8<-- [end:write]

    # --8<-- [start:offer]
    def offer(self, product_id: str, version: int, product: Product | None) -> bool:
        """Store this version, in one step, unless Redis knows it or a newer one.

        The hash holds `version`, and in `data` the product as JSON. Without `data`
        it is a tombstone. Both live for TTL. Return whether it was stored. The row is
        committed, so no error of Redis is raised: count each in `cache_errors`, log
        it with its traceback, and return False.
        """
        raise NotImplementedError

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
