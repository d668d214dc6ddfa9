"""What the invalidation page claims of a generation in the key."""

from types import ModuleType
from typing import Any

import pytest

from harness.servers import Server


class Shop:
    """The database: what a category holds, and how often it was asked."""

    def __init__(self) -> None:
        self.titles = {"scifi": ["Dune"], "crime": ["Gorky Park"]}
        self.loads = 0

    def load(self, category: str, page: int) -> list[str]:
        self.loads += 1
        return list(self.titles.get(category, []))


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def listings(example: ModuleType, redis_url: str, shop: Shop) -> Any:
    return example.Listings(example.connect(redis_url), shop.load)


def test_one_command_puts_every_page_of_a_category_out_of_reach(listings: Any, shop: Shop) -> None:
    for page in range(50):
        listings.get("scifi", page)
        listings.get("crime", page)
    assert shop.loads == 100
    shop.titles["scifi"] = ["Dune", "Ubik"]
    listings.invalidate("scifi")
    assert all(listings.get("scifi", page) == ["Dune", "Ubik"] for page in range(50))
    assert shop.loads == 150
    assert all(listings.get("crime", page) == ["Gorky Park"] for page in range(50))
    assert shop.loads == 150  # the other category was left alone


def test_inflight_reader_cannot_resurrect_old_value(listings: Any, shop: Shop) -> None:
    """A reader has loaded the old row; the writer commits and invalidates; the reader stores what it has."""
    load = shop.load

    def load_and_be_overtaken(category: str, page: int) -> list[str]:
        found = load(category, page)
        shop.titles["scifi"] = ["Dune", "Ubik"]
        listings.invalidate("scifi")
        return found

    listings.load = load_and_be_overtaken
    assert listings.get("scifi", 1) == ["Dune"]
    listings.load = load
    assert listings.get("scifi", 1) == ["Dune", "Ubik"]


def test_lost_generation_does_not_bring_old_values_back(listings: Any, shop: Shop) -> None:
    listings.get("scifi", 1)
    shop.titles["scifi"] = ["Dune", "Ubik"]
    listings.invalidate("scifi")
    listings.cache.delete("cache:generation:scifi")  # evicted, or expired
    assert listings.get("scifi", 1) == ["Dune", "Ubik"]


def test_old_pages_leave_by_their_ttl(listings: Any) -> None:
    listings.get("scifi", 1)
    listings.invalidate("scifi")
    left = list(listings.cache.scan_iter("cache:listing:*"))
    assert len(left) == 1
    assert 0 < listings.cache.ttl(left[0]) <= 660


def test_pages_written_together_expire_apart(example: ModuleType, listings: Any) -> None:
    for page in range(50):
        listings.get("scifi", page)
    times = {listings.cache.ttl(key) for key in listings.cache.scan_iter("cache:listing:*")}
    assert len(times) > 5 and 530 < min(times) <= max(times) <= 660


def test_a_hostile_category_invalidates_no_other(listings: Any) -> None:
    listings.get("scifi", 1)
    for hostile in ("*", "sci*", "'; --", "ключ\n", "x" * 10_000):
        assert listings.get(hostile, 1) == []
        listings.invalidate(hostile)
    listings.load = lambda *_: pytest.fail("the page was invalidated by another category")
    assert listings.get("scifi", 1) == ["Dune"]


def test_listings_come_from_the_database_while_redis_is_down(
    example: ModuleType, own_server: Server, shop: Shop
) -> None:
    listings = example.Listings(example.connect(own_server.url), shop.load)
    assert listings.get("scifi", 1) == ["Dune"]
    own_server.kill()
    assert listings.get("scifi", 1) == ["Dune"]
    assert listings.stats["cache errors"] == 1


def test_a_lost_invalidation_is_told(example: ModuleType, own_server: Server, shop: Shop) -> None:
    listings = example.Listings(example.connect(own_server.url), shop.load)
    assert listings.invalidate("scifi") is True
    own_server.kill()
    assert listings.invalidate("scifi") is False
    assert listings.stats["cache errors"] == 1


def test_full_redis_serves_cached_pages_and_takes_invalidations(
    example: ModuleType, own_server: Server, shop: Shop
) -> None:
    listings = example.Listings(example.connect(own_server.url), shop.load)
    listings.get("scifi", 1)
    listings.cache.config_set("maxmemory", 1, "maxmemory-policy", "noeviction")
    assert listings.get("scifi", 1) == ["Dune"]
    assert shop.loads == 1 and not listings.stats
    shop.titles["scifi"] = ["Dune", "Ubik"]
    assert listings.invalidate("scifi") is True
    assert listings.get("scifi", 1) == ["Dune", "Ubik"]
    assert listings.stats == {"refused writes": 1}


@pytest.mark.parametrize("value", ["not json", '"Dune"', "[1]", "null", "[" * 10_000])
def test_corrupt_page_is_a_counted_miss(listings: Any, shop: Shop, value: str) -> None:
    listings.get("scifi", 1)
    (key,) = listings.cache.scan_iter("cache:listing:*")
    listings.cache.set(key, value)
    assert listings.get("scifi", 1) == ["Dune"]
    assert listings.get("scifi", 1) == ["Dune"]
    assert shop.loads == 2 and listings.stats == {"corrupt values": 1}


def test_mistake_after_the_commit_is_logged_and_told(
    example: ModuleType, own_server: Server, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    listings = example.Listings(example.connect(own_server.url), shop.load)
    listings.cache.execute_command("ACL", "SETUSER", "default", "-@write")
    assert listings.invalidate("scifi") is False
    assert listings.stats == {"mistakes": 1}
    assert "a mistake that no outage excuses" in caplog.text
