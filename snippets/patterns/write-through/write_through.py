# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-through: commit to the database, then store the row in Redis, unless a newer version is there."""

import json
import os
import sqlite3
from collections import Counter
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# --8<-- [start:rows]
# Each write raises the version, and returns the whole row as it now is.
# A deleted row stays, so that a product that comes back goes on counting.
ROW = """id, version, CASE WHEN NOT deleted
    THEN json_object('id', id, 'name', name, 'price', price) END AS data"""
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
KEY = "cache:product:{}"
TTL = 3600  # seconds; the longest that a lost store leaves a product stale
TOMBSTONE_TTL = 600  # seconds; longer than any reader or writer takes

STORE = """
local stored = redis.call('HGET', KEYS[1], 'version')
if stored and tonumber(stored) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'data', ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
# --8<-- [end:store]


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),
    )


class Row(NamedTuple):
    id: str
    version: int
    data: str | None  # JSON; None: deleted


class Products:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection) -> None:
        self.cache, self.db = cache, db
        self.stats: Counter[str] = Counter()

    # --8<-- [start:write]
    def write(self, sql: str, **product: Any) -> Row | None:
        """SAVE, CHANGE or DELETE a product. None: there is no such product."""
        row = self.commit(sql, **product)
        if row is not None:
            self.store(row)  # after the commit, and only what the commit returned
        return row

    def commit(self, sql: str, **product: Any) -> Row | None:
        values = {"name": None, "price": None, **product}
        with self.db:  # commits, or rolls back and raises
            rows = self.db.execute(sql, values).fetchall()
        return Row(*rows[0]) if rows else None

    def store(self, row: Row) -> bool:
        """Store a row unless Redis has a newer one, and say whether it did."""
        ttl = TOMBSTONE_TTL if row.data is None else TTL
        args = 1, KEY.format(row.id), row.version, row.data or "", ttl
        return bool(self.try_cache(self.cache.eval, STORE, *args))

    # --8<-- [end:write]

    # --8<-- [start:read]
    def get(self, product_id: str) -> dict | None:
        key = KEY.format(product_id)
        cached = self.try_cache(self.cache.hmget, key, ["version", "data"])
        version, data = cached or (None, None)
        if version is None:
            found = self.db.execute(LOAD, {"id": product_id}).fetchone()
            if found is None:
                return None
            self.store(Row(*found))  # refused if a writer was faster
            data = found[2]
        return None if data is None else json.loads(data)

    # --8<-- [end:read]

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except redis.AuthenticationError:
            raise  # a ConnectionError by class, but waiting mends no password
        except (redis.ConnectionError, redis.TimeoutError):
            self.stats["cache errors"] += 1
            return None


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(KEY.format("1"))  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute("""CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER,
                  version INTEGER NOT NULL DEFAULT 1, deleted INTEGER NOT NULL DEFAULT 0)""")
    products = Products(cache, db)
    products.write(SAVE, id="1", name="Pen", price=200)

    def show(step: str, product_id: str) -> None:
        print(f"{step}:", *(cache.hvals(KEY.format(product_id)) or ["nothing"]))

    a = products.commit(CHANGE, id="1", price=250)
    b = products.commit(CHANGE, id="1", price=300)
    for writer, row in ("B", b), ("A", a):  # both have committed, and A is late
        print(f"{writer} stores its row: {'yes' if row and products.store(row) else 'refused'}")
    show("version and data in Redis", "1")
    products.write(CHANGE, id="1", name="Fountain pen")
    show("only the name was sent", "1")
    products.write(CHANGE, id="2", name="Nib")
    show("a change of product 2, which does not exist", "2")
    products.write(DELETE, id="1")
    show("deleted, so a version alone", "1")


if __name__ == "__main__":
    main()
