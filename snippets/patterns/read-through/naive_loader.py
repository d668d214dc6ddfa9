# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A read-through cache that is "robust": it caches a default where its loader failed. Do not copy it."""

import json
import os
from collections.abc import Callable
from typing import Any

import redis


# --8<-- [start:get]
def get_cart(cache: redis.Redis, load: Callable[[str], Any], cart_id: str) -> Any:
    key = f"cache:cart:{cart_id}"
    if cached := cache.get(key):
        return json.loads(cached)
    try:
        cart = load(cart_id)
    except Exception:
        cart = {"id": cart_id, "items": {}}  # "better an empty cart than an error"
    cache.set(key, json.dumps(cart), ex=3600)
    return cart


# --8<-- [end:get]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    cache.delete("cache:cart:7")  # left by an earlier run

    def down(cart_id: str) -> Any:
        raise TimeoutError("the database does not answer")

    def up(cart_id: str) -> Any:
        return {"id": cart_id, "items": {"tea": 2}}

    print("the database is down for a second:", get_cart(cache, down, "7"))
    print("it is back:", get_cart(cache, up, "7"))
    print("and an hour later, when the key has gone:", cache.delete("cache:cart:7") and get_cart(cache, up, "7"))


if __name__ == "__main__":
    main()
