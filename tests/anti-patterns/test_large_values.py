"""How many bytes a large value costs its readers, counted by the server."""

import json
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def cache(own_server: Server) -> redis.Redis:
    return redis.Redis.from_url(own_server.url, decode_responses=True)


def test_one_field_of_a_whole_value_costs_all_its_bytes(example: ModuleType, cache: redis.Redis) -> None:
    example.store_whole(cache, "demo:whole", example.PRODUCT)
    size = len(json.dumps(example.PRODUCT))
    assert size > 190_000
    assert example.sent(cache, lambda: example.price_of_whole(cache, "demo:whole"), 10) >= 10 * size


def test_a_field_of_its_own_costs_only_its_bytes(example: ModuleType, cache: redis.Redis) -> None:
    example.store_fields(cache, "demo:fields", example.PRODUCT)
    counting = example.sent(cache, lambda: None, 0)
    for _ in range(3):
        found = example.sent(cache, lambda: example.price_of_fields(cache, "demo:fields"), 10)
        assert found - counting < 10 * 100


def test_whole_and_fields_give_the_same_price(example: ModuleType, cache: redis.Redis) -> None:
    hostile: dict[str, Any] = {"*": "'\n", "ключ": "x" * 10_000, "price_cents": 7, "none": None}
    for product in (example.PRODUCT, hostile):
        example.store_whole(cache, "demo:whole", product)
        example.store_fields(cache, "demo:fields", product)
        prices = [example.price_of_whole(cache, "demo:whole"), example.price_of_fields(cache, "demo:fields")]
        assert prices == [product["price_cents"]] * 2
    assert set(cache.hkeys("demo:fields")) == set(hostile)  # nothing of the product before
    assert 3590 < cache.ttl("demo:fields") <= 3600
    assert example.price_of_whole(cache, "demo:none") is None
    assert example.price_of_fields(cache, "demo:none") is None
