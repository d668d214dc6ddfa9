# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Exercise: a cache of products that seems to work. It is wrong in three ways; mend them."""

import json
import os
import sqlite3
from typing import Any

import redis

Product = dict[str, Any]
FIELDS = ("id", "name", "price")  # the price in cents

TTL = 3600  # seconds


def listing_key(product_id: str) -> str:
    return f"cache:listing:{product_id}"


class Products:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection) -> None:
        self.cache, self.db = cache, db
        self.database_reads = 0

    # --8<-- [start:read]
    def get(self, product_id: str) -> Product | None:
        cached = self.cache.get(listing_key(product_id))
        product: Product | None = json.loads(cached) if cached else None
        if product:
            return product

        product = self.load(product_id)
        self.cache.set(listing_key(product_id), json.dumps(product), ex=TTL)
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


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
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
