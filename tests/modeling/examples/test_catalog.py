"""What the page of examples claims of the catalog."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.cut import every_crash
from harness.servers import Server

DAY = date(2026, 11, 24)


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return example.connect(redis_url)  # type: ignore[no-any-return]


def laptop(example: ModuleType, category: str, *tags: str) -> object:
    return example.Product("1001", "Laptop", 99_999, category, frozenset(tags))


def agrees(cache: Any) -> bool:
    """Tell whether the sets name the product exactly where its hash says."""
    category, tags = cache.hmget("product:1001", "category", "tags")
    expected = {f"category:{category}", *(f"tag:{tag}:products" for tag in ("gaming", "new") if f'"{tag}"' in tags)}
    return {key for key in cache.scan_iter() if not key.startswith("product:")} == expected


def test_product_and_its_sets_change_together(example: ModuleType, cache: redis.Redis, redis_url: str) -> None:
    """Killed at any byte, the program leaves all of the old or all of the new."""
    found = set()
    for _ in every_crash(
        redis_url,
        lambda url: example.save(example.connect(url), laptop(example, "sale", "new")),
        lambda url: example.save(cache, laptop(example, "electronics", "gaming")),
    ):
        assert agrees(cache)
        found.add(cache.hget("product:1001", "category"))
    assert found == {"electronics", "sale"}


def test_parallel_moves_leave_one_category(example: ModuleType, cache: redis.Redis) -> None:
    moves = [laptop(example, f"category-{number % 7}", *("gaming", "new")[: number % 3]) for number in range(160)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda product: example.save(cache, product), moves))
    assert agrees(cache)


def test_found_is_what_all_sets_hold(example: ModuleType, cache: redis.Redis) -> None:
    example.save(cache, laptop(example, "electronics", "gaming"))
    example.save(cache, example.Product("1002", "Phone", 59_999, "electronics"))
    assert example.find(cache, "category:electronics") == ["1001", "1002"]
    assert example.find(cache, "category:electronics", "tag:gaming:products") == ["1001"]
    assert example.find(cache, "category:electronics", "tag:old:products") == []


def test_popular_products_are_most_viewed_first_and_expire(example: ModuleType, cache: redis.Redis) -> None:
    popular = example.Popular(cache)
    for product_id in ("1", "2", "2", "3", "3", "3"):
        popular.viewed(product_id, DAY)
    assert popular.popular(DAY, 2) == ["3", "2"]
    assert popular.popular(DAY, 0) == []
    assert 0 < cache.ttl("popular:products:2026-11-24") <= 8 * example.DAY


def test_a_failing_command_in_multi_does_not_undo_the_others(example: ModuleType, cache: redis.Redis) -> None:
    cache.set("category:electronics", "not a set")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        example.save(cache, laptop(example, "electronics"))
    assert cache.hget("product:1001", "name") == "Laptop"  # all commands ran, one failed


def test_what_is_popular_fails_nobody_where_redis_is_away(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    popular = example.Popular(cache)
    cache.config_set("maxmemory", 1, "maxmemory-policy", "noeviction")
    popular.viewed("1", DAY)
    assert popular.stats == {"refused writes": 1}
    own_server.kill()
    popular.viewed("1", DAY)
    assert popular.popular(DAY, 10) == []
    assert popular.stats == {"refused writes": 1, "cache errors": 2}


def test_without_redis_there_is_no_catalog_and_it_says_so(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    own_server.kill()
    with pytest.raises(redis.ConnectionError):
        example.find(cache, "category:sale")
    with pytest.raises(redis.ConnectionError):
        example.save(cache, laptop(example, "sale"))


def test_move_that_a_replica_refuses_leaves_the_connection(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    before = cache.client_id()
    cache.replicaof("127.0.0.1", "1")
    with pytest.raises(redis.ReadOnlyError):
        example.save(cache, laptop(example, "sale"))
    assert cache.client_id() != before
