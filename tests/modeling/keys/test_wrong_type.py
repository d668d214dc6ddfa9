"""That one pattern with two types fails as the page says."""

from types import ModuleType

import pytest
import redis


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


def test_hash_command_on_a_string_is_wrongtype(example: ModuleType, cache: redis.Redis) -> None:
    example.remember(cache, {"id": "1", "name": "Ada"})
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        example.rename(cache, "1", "Ada Lovelace")


def test_get_on_a_hash_is_wrongtype(example: ModuleType, cache: redis.Redis) -> None:
    example.rename(cache, "1", "Ada Lovelace")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        example.recall(cache, "1")


def test_set_replaces_a_hash_without_an_error(example: ModuleType, cache: redis.Redis) -> None:
    example.rename(cache, "1", "Ada Lovelace")
    example.remember(cache, {"id": "1", "name": "Ada"})
    assert cache.type("user:1") == "string"
    assert 0 < cache.ttl("user:1") <= 3600  # and the profile's name is gone with its hash
