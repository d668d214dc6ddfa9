"""What the page on structures claims of strings."""

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
import redis


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return example.connect(redis_url)  # type: ignore[no-any-return]


def test_parallel_views_are_all_counted(example: ModuleType, cache: redis.Redis) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: example.count(cache, "7"), range(400)))
    assert sorted(answers) == list(range(1, 401))  # each caller its own number
    assert example.views(cache, "7", "8") == [400, 0]


def test_read_add_write_loses_what_another_added(cache: redis.Redis) -> None:
    """Two callers who both read before either writes: one fixed schedule."""
    cache.set("page:7:views", 41)
    read = [int(cache.get("page:7:views") or 0) for _ in range(2)]
    for value in read:
        cache.set("page:7:views", value + 1)
    assert cache.get("page:7:views") == "42"  # two views, one counted


def test_incr_refuses_a_string_that_is_no_number(example: ModuleType, cache: redis.Redis) -> None:
    for value in ("1,024", "1.5", "", "yes", "9223372036854775807"):
        cache.set(example.views_key("7"), value)
        with pytest.raises(redis.ResponseError, match=r"not an integer|overflow"):
            example.count(cache, "7")
        assert cache.get(example.views_key("7")) == value
