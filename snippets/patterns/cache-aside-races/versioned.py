# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Cache-aside with versions: Redis refuses a value that is older than what it has seen, so no late reader wins."""

import json
import os
import random
import sqlite3
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TTL, MISSING_TTL, MISSING = 3600, 60, "missing"  # a missing product has version 0

# --8<-- [start:script]
TOMBSTONE_TTL = 60  # seconds; longer than any read may take from SELECT to store

STORE = """
local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
if stored and stored > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 3))
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""  # ARGV: version, TTL, and perhaps 'data' and the data
# --8<-- [end:script]


@dataclass(frozen=True)
class Product:
    id: str
    name: str
    price_cents: int


def product_key(product_id: str) -> str:
    return f"cache:product:{product_id}"


def encode(product: Product) -> str:
    return json.dumps(asdict(product), separators=(",", ":"))


def decode(data: str) -> Product | None:  # differs: a product has a number
    with suppress(ValueError, TypeError, RecursionError):
        product = Product(**json.loads(data))
        return product if type(product.price_cents) is int else None
    return None  # a corrupt value is a miss


class Products:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection) -> None:
        self.cache, self.db = cache, db
        self.stats: Counter[str] = Counter()

    # --8<-- [start:read]
    def get(self, product_id: str) -> Product | None:
        data = self.try_cache(self.cache.hget, product_key(product_id), "data")
        if data == MISSING:
            return None
        if data is not None and (product := decode(data)):
            return product  # a tombstone has no data, so it is a miss
        version, product = self.load(product_id)
        self.store(product_id, version, product)
        return product

    def load(self, product_id: str) -> tuple[int, Product | None]:
        self.stats["database reads"] += 1
        query = "SELECT version, id, name, price_cents FROM products WHERE id = ?"
        row = self.db.execute(query, (product_id,)).fetchone()
        return (0, None) if row is None else (row[0], Product(*row[1:]))

    def store(self, product_id: str, version: int, product: Product | None) -> bool:
        data = encode(product) if product else MISSING
        ttl = round((TTL if product else MISSING_TTL) * random.uniform(0.9, 1.1))
        return self.put(product_key(product_id), version, ttl, "data", data)

    # --8<-- [end:read]

    # --8<-- [start:write]
    def save(self, product: Product) -> None:
        upsert = """INSERT INTO products VALUES (?, ?, ?, 1) ON CONFLICT (id) DO UPDATE
                    SET name = excluded.name, price_cents = excluded.price_cents,
                        version = version + 1 RETURNING version"""
        values = (product.id, product.name, product.price_cents)
        with self.db:  # commits, or rolls back and raises
            (version,) = self.db.execute(upsert, values).fetchone()
        self.put(product_key(product.id), version, TOMBSTONE_TTL)  # after the commit

    def put(self, key: str, *arguments: Any) -> bool:
        """Whether it was stored; not if Redis holds a newer version, or is down."""
        return bool(self.try_cache(self.cache.eval, STORE, 1, key, *arguments) == 1)

    # --8<-- [end:write]

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except redis.AuthenticationError:
            raise
        except (redis.ConnectionError, redis.TimeoutError):
            self.stats["cache errors"] += 1
            return None


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),
    )


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(product_key("1"))  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price_cents INTEGER, version INTEGER)")
    products = Products(cache, db)
    said = {True: "accepted", False: "refused"}
    products.save(Product("1", "Tea", 450))
    version, old = products.load("1")
    print(f"a slow reader has loaded version {version}, {old and old.price_cents} cents")
    products.save(Product("1", "Tea", 475))
    print("a writer commits and leaves version", *cache.hmget(product_key("1"), "version"), end=", no data\n")
    print("the slow reader's store:", said[products.store("1", version, old)])
    print(f"next read: {(now := products.get('1')) and now.price_cents} cents")
    cache.delete(product_key("1"))
    print("after a DEL, the same store:", said[products.store("1", version, old)])
    print(f"next read: {(now := products.get('1')) and now.price_cents} cents")


if __name__ == "__main__":
    main()
