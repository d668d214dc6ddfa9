# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A large value, read whole for one field, against the same in fields: the server counts the bytes that it sends."""

import json
import os
from collections.abc import Callable
from typing import Any

import redis

PRODUCT = {
    "name": "Laptop",
    "price_cents": 99_999,
    "reviews": ["Does what it says. " * 25] * 400,  # 190 kB
}


# --8<-- [start:habit]
def store_whole(cache: redis.Redis, key: str, product: dict[str, Any]) -> None:
    cache.set(key, json.dumps(product), ex=3600)


def price_of_whole(cache: redis.Redis, key: str) -> int | None:
    stored: Any = cache.get(key)  # all of it travels, for one number
    return None if stored is None else int(json.loads(stored)["price_cents"])


# --8<-- [end:habit]


# --8<-- [start:mend]
def store_fields(cache: redis.Redis, key: str, product: dict[str, Any]) -> None:
    """A field for each part that is read alone, all with one TTL."""
    fields: Any = {name: json.dumps(value) for name, value in product.items()}
    with cache.pipeline(transaction=True) as change:
        change.delete(key)
        change.hset(key, mapping=fields)
        change.expire(key, 3600)
        change.execute()


def price_of_fields(cache: redis.Redis, key: str) -> int | None:
    stored: Any = cache.hget(key, "price_cents")
    return None if stored is None else int(json.loads(stored))


# --8<-- [end:mend]


def sent(cache: redis.Redis, read: Callable[[], Any], times: int) -> int:
    """Return how many bytes the server sent while this was read so often; some 5 kB are the counting itself."""
    before = cache.info("stats")["total_net_output_bytes"]
    for _ in range(times):
        read()
    return int(cache.info("stats")["total_net_output_bytes"] - before)


def main() -> None:
    cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), decode_responses=True)
    store_whole(cache, "demo:product:whole", PRODUCT)
    store_fields(cache, "demo:product:fields", PRODUCT)
    whole = sent(cache, lambda: price_of_whole(cache, "demo:product:whole"), 100)
    fields = sent(cache, lambda: price_of_fields(cache, "demo:product:fields"), 100)
    print(f"100 prices out of the whole: {whole / 1_000_000:.0f} MB sent")
    print(f"100 prices out of their field: {'less than 10 kB' if fields < 10_000 else f'{fields} bytes'} sent")
    same = price_of_whole(cache, "demo:product:whole") == price_of_fields(cache, "demo:product:fields")
    print(f"the same price: {same}")


if __name__ == "__main__":
    main()
