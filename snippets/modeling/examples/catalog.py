# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A product catalog: a hash for each product, sets to find it by, and what is popular today."""

import json
import os
from datetime import date
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry


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
        retry=Retry(NoBackoff(), retries=0),  # a repeated command would count twice
    )
    return redis.Redis.from_pool(pool)


# --8<-- [start:model]
class Product(NamedTuple):
    id: str
    name: str
    price_cents: int
    category: str
    tags: frozenset[str] = frozenset()


def indexes(category: str | None, tags: str | None) -> set[str]:
    """Name the sets that hold a product of this category with these tags."""
    names = {f"tag:{tag}:products" for tag in json.loads(tags or "[]")}
    return names | ({f"category:{category}"} if category else set())


# --8<-- [end:model]


# --8<-- [start:save]
def save(cache: redis.Redis, product: Product) -> None:
    """Change the product and every set that names it, all in one MULTI."""
    key = f"product:{product.id}"
    fields: Any = {**product._asdict(), "tags": json.dumps(sorted(product.tags))}

    def change(pipe: Pipeline) -> None:
        found: Any = pipe.hmget(key, "category", "tags")  # answers at once
        pipe.multi()  # from here on, commands wait for EXEC
        before, after = indexes(*found), indexes(product.category, fields["tags"])
        pipe.hset(key, mapping=fields)
        for index in sorted(before - after):
            pipe.srem(index, product.id)
        for index in sorted(after):
            pipe.sadd(index, product.id)

    # WATCH: again whenever somebody changed it meanwhile; there is no limit
    cache.transaction(change, key)


# --8<-- [end:save]


# --8<-- [start:find]
DAY = 86_400  # seconds


def find(cache: redis.Redis, *names: str) -> list[str]:
    """Return the ids that all of these sets hold."""
    found: Any = cache.sinter(list(names))
    return sorted(found)


def viewed(cache: redis.Redis, product_id: str, day: date) -> None:
    key = f"popular:products:{day.isoformat()}"
    with cache.pipeline(transaction=True) as count:
        count.zincrby(key, 1, product_id)
        count.expire(key, 8 * DAY, nx=True)  # set once, never put off
        count.execute()


def popular(cache: redis.Redis, day: date, number: int) -> Any:
    """Return the ids that were viewed most, the most viewed first."""
    if number < 1:
        return []  # an end of -1 would mean all of them
    key = f"popular:products:{day.isoformat()}"
    return cache.zrange(key, 0, number - 1, desc=True)


# --8<-- [end:find]


def main() -> None:
    cache, day = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")), date(2026, 11, 24)
    cache.delete("product:1001", "product:1002", "category:electronics", "category:sale", "tag:gaming:products")
    cache.delete(f"popular:products:{day.isoformat()}")
    save(cache, Product("1001", "Laptop", 99_999, "electronics", frozenset({"gaming"})))
    save(cache, Product("1002", "Phone", 59_999, "electronics"))
    print("electronics:", find(cache, "category:electronics"))
    print("electronics for gaming:", find(cache, "category:electronics", "tag:gaming:products"))

    save(cache, Product("1001", "Laptop", 79_999, "sale", frozenset({"gaming"})))
    print("after the move, electronics:", find(cache, "category:electronics"), "sale:", find(cache, "category:sale"))

    for product_id in ("1001", "1002", "1002"):
        viewed(cache, product_id, day)
    print("popular:", popular(cache, day, 10))


if __name__ == "__main__":
    main()
