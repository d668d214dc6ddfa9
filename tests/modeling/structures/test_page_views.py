"""What the page on structures claims of strings."""

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return example.connect(redis_url)  # type: ignore[no-any-return]


def test_parallel_views_are_all_counted(example: ModuleType, cache: redis.Redis) -> None:
    pages = example.PageViews(cache)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: pages.count("7"), range(400)))
    assert sorted(answers) == list(range(1, 401))  # each caller its own number
    assert pages.views("7", "8") == [400, 0]


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
            example.PageViews(cache).count("7")
        assert cache.get(example.views_key("7")) == value


def test_views_that_are_not_known_are_none_and_not_zero(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    pages = example.PageViews(cache)
    cache.set(example.views_key("7"), "1,024")
    assert pages.views("7", "8") == [None, 0]
    assert pages.stats == {"corrupt values": 1}
    own_server.kill()
    assert pages.views("7", "8") == [None, None]


def test_lost_page_view_fails_nobody_and_is_counted(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    pages = example.PageViews(cache)
    cache.config_set("maxmemory", 1, "maxmemory-policy", "noeviction")
    assert pages.count("7") is None
    assert pages.stats == {"refused writes": 1}
    own_server.kill()
    assert pages.count("7") is None
    assert pages.stats == {"refused writes": 1, "cache errors": 1}
