"""That the cache of defaults really fails as the page says."""

from types import ModuleType
from typing import Any

import redis


def test_naive_loader_error_empties_the_cart_for_an_hour(example: ModuleType, redis_url: str) -> None:
    cache = redis.Redis.from_url(redis_url, decode_responses=True)

    def down(cart_id: str) -> Any:
        raise TimeoutError

    def up(cart_id: str) -> Any:
        return {"id": cart_id, "items": {"tea": 2}}

    empty = {"id": "7", "items": {}}
    assert example.get_cart(cache, down, "7") == empty
    assert example.get_cart(cache, up, "7") == empty
    assert cache.ttl("cache:cart:7") > 3500
    cache.delete("cache:cart:7")
    assert example.get_cart(cache, up, "7")["items"] == {"tea": 2}
