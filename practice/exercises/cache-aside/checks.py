"""What the exercise on cache-aside asks for. Each check returns in words what is missing and why, or nothing."""

import sqlite3
from types import ModuleType
from typing import Any

import redis


class Shop:
    """A student's products, on a flushed Redis and a new database whose queries are counted."""

    def __init__(self, student: ModuleType, url: str) -> None:
        self.cache = redis.Redis.from_url(url, decode_responses=True)
        self.cache.flushdb()
        self.db = sqlite3.connect(":memory:")
        self.db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER)")
        self.db.execute("INSERT INTO products VALUES ('1', 'Mug', 900)")
        self.db.commit()
        self.queries = 0
        self.db.set_trace_callback(self.count)
        self.key: str = student.listing_key("1")
        self.missing_key: str = student.listing_key("2")
        self.products: Any = student.Products(self.cache, self.db)

    def count(self, statement: str) -> None:
        """Count the queries."""
        self.queries += statement.lstrip().upper().startswith("SELECT")


def a_read_after_a_write_sees_the_new_price(student: ModuleType, url: str) -> str | None:
    """Read a product, write a new price, read again."""
    shop = Shop(student, url)
    if shop.products.get("1") != {"id": "1", "name": "Mug", "price": 900}:
        return "`get` no longer returns the product as the database has it. Begin again from the starter's `get`."
    early = False
    deletes = {name: getattr(shop.cache, name) for name in ("delete", "unlink")}

    def watched(name: str) -> Any:
        def delete(*keys: str) -> Any:
            nonlocal early
            price = shop.db.execute("SELECT price FROM products WHERE id = '1'").fetchone()[0]
            early = early or shop.db.in_transaction or price != 700
            return deletes[name](*keys)

        return delete

    for name in deletes:
        setattr(shop.cache, name, watched(name))
    shop.products.save({"id": "1", "name": "Mug", "price": 700})
    if shop.db.execute("SELECT price FROM products WHERE id = '1'").fetchone() != (700,):
        return "`save` no longer writes the new price to the database. Keep its upsert as it was."
    if early:
        return (
            "`save` deletes the key before the database has committed. A reader in between would put the old price "
            "back. Delete it after the `with` block."
        )
    left = shop.cache.get(shop.key)
    if (shop.products.get("1") or {}).get("price") != 700:
        return "`save` changes the database and leaves the old copy in Redis: customers see 900 for up to an hour."
    if left is not None:
        return (
            "`save` writes the new price into Redis. Two writers can do that in another order than they committed, "
            "and the older price stays. Delete the key instead; the next read loads it."
        )
    return None


def a_missing_product_is_asked_for_once(student: ModuleType, url: str) -> str | None:
    """Read a product that does not exist three times, and one that does."""
    shop = Shop(student, url)
    if any(shop.products.get("2") is not None for _ in range(3)):
        return "`get` returns something for a product that does not exist. It should return `None`."
    if shop.queries != 1:
        return (
            f"3 reads of a missing product cost {shop.queries} database queries. What Redis holds for it says "
            "`null`, and that is not truthy: ask whether Redis gave an answer, not whether the answer is true."
        )
    shop.queries = 0
    shop.products.get("1")
    shop.products.get("1")
    if shop.queries != 1:
        return f"2 reads of a product cost {shop.queries} database queries. The second should come from Redis."
    return None


def a_new_product_is_visible_within_a_minute(student: ModuleType, url: str) -> str | None:
    """Look how long a missing product is remembered, and a product that exists."""
    shop = Shop(student, url)
    shop.products.get("2")
    ttl = shop.cache.ttl(shop.missing_key)
    if ttl == -2:
        return "A missing product is not remembered at all, so each read of it goes to the database. Store a marker."
    if ttl == -1:
        return "A missing product is remembered for ever. Give its key a TTL of a minute."
    if ttl > 66:  # a minute, and 10 % of jitter
        return (
            f"A missing product is remembered for {round(ttl / 60)} minutes. When the supplier's import adds it to "
            "the database, nobody sees it until then. Give it a TTL of its own, at most a minute."
        )
    shop.products.get("1")
    if not 3200 <= shop.cache.ttl(shop.key) <= 4000:
        return "A product that exists should still be remembered for an hour. Shorten the TTL of missing ones only."
    return None


CHECKS = [
    a_read_after_a_write_sees_the_new_price,
    a_missing_product_is_asked_for_once,
    a_new_product_is_visible_within_a_minute,
]
