"""What the page of examples claims of analytics."""

import math
import random
from datetime import date
from types import ModuleType

import pytest
import redis

from harness.cut import every_crash
from harness.servers import Server

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
SIGMA = 0.0081  # the standard error that Redis states


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    return example.connect(redis_url)  # type: ignore[no-any-return]


def test_daily_keys_expire(
    example: ModuleType, cache: redis.Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """After a crash at any byte too: never a counter without a TTL."""
    found = set()

    def record(url: str) -> None:
        views = example.Views(example.connect(url))
        views.record(MONDAY, "home", "ada")
        assert not views.stats["mistakes"], caplog.text
        if views.stats["cache errors"]:
            raise redis.ConnectionError("it did not come through")

    for _ in every_crash(redis_url, record, lambda _: None):
        keys = list(cache.scan_iter())
        assert all(0 < cache.ttl(key) <= example.KEEP for key in keys)
        found.add(len(keys))
    assert found == {0, 3}


def test_more_views_do_not_put_the_expiry_off(
    example: ModuleType, cache: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    views = example.Views(cache)
    views.record(MONDAY, "home", "ada")
    assert not views.stats, caplog.text
    for key in example.keys(MONDAY):
        cache.expire(key, 100)  # most of the month has passed
    views.record(MONDAY, "home", "grace")
    assert all(0 < cache.ttl(key) <= 100 for key in example.keys(MONDAY))


def test_report_counts_views_visitors_and_pages(
    example: ModuleType, cache: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    seen = example.Views(cache)
    for visitor, page in [("ada", "a"), ("ada", "b"), ("grace", "b"), ("x" * 10_000, "ключ")]:
        seen.record(MONDAY, page, visitor)
    assert not seen.stats, caplog.text
    views, visitors, best = example.report(cache, MONDAY, pages=1)
    assert (views, visitors, best[0][0]) == (4, 3, "b")
    assert example.report(cache, TUESDAY)[:2] == (0, 0)


def test_a_visitor_of_two_days_counts_once(
    example: ModuleType, cache: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    seen = example.Views(cache)
    for day in (MONDAY, TUESDAY):
        for visitor in ("ada", day.isoformat()):
            seen.record(day, "home", visitor)
    assert not seen.stats, caplog.text
    assert example.visitors_of(cache, [MONDAY, TUESDAY]) == 3


def test_hll_error_below_3_sigma(example: ModuleType, cache: redis.Redis) -> None:
    """Forty counts of 5,000 visitors each, from a seeded generator: each within 3 σ, together about σ."""
    source, errors = random.Random(7), []
    for trial in range(40):
        cache.pfadd(f"visitors:{trial}", *{source.randbytes(16) for _ in range(5000)})
        errors.append(cache.pfcount(f"visitors:{trial}") / 5000 - 1)
    assert max(map(abs, errors)) <= 3 * SIGMA
    assert 0.4 * SIGMA < math.sqrt(sum(error**2 for error in errors) / 40) < 1.6 * SIGMA


def test_hll_stays_small(cache: redis.Redis) -> None:
    people = [f"visitor {number}" for number in range(20_000)]
    cache.pfadd("visitors:2026-11-23", *people)
    cache.sadd("demo:people", *people)
    sketch, exact = cache.memory_usage("visitors:2026-11-23", 0), cache.memory_usage("demo:people", 0)
    assert sketch and exact and sketch < 20_000 < 500_000 < exact


def test_lost_view_fails_nobody_and_is_counted(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    views = example.Views(cache)
    cache.config_set("maxmemory", 1, "maxmemory-policy", "noeviction")
    views.record(MONDAY, "home", "ada")
    assert views.stats == {"refused writes": 1}
    own_server.kill()
    views.record(MONDAY, "home", "ada")
    assert views.stats == {"refused writes": 1, "cache errors": 1}


def test_report_without_redis_is_an_error_and_no_zeros(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    own_server.kill()
    with pytest.raises(redis.ConnectionError):
        example.report(cache, MONDAY)
