"""What the page claims of jitter and warming."""

import json
import random
import sqlite3
from types import ModuleType
from typing import Any

import pytest
import redis


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE books (title TEXT, category TEXT, sold INTEGER)")
    rows = [(f"book {n}", f"category {n % 100}", n) for n in range(300)]
    db.executemany("INSERT INTO books VALUES (?, ?, ?)", [*rows, ("Robert'); --", "*' OR '1'='1", 1)])
    return db


@pytest.fixture
def cache(redis_url: str) -> Any:
    return redis.Redis.from_url(redis_url, decode_responses=True)


def test_ten_percent_of_an_hour_cuts_the_peak_from_10000_to_about_28(example: ModuleType) -> None:
    assert example.peak([3600] * 10_000) == 10_000
    for seed in range(20):
        rng = random.Random(seed)
        ttls = [example.jitter(3600, rng) for _ in range(10_000)]
        assert min(ttls) >= 3240 and max(ttls) <= 3960
        assert 22 <= example.peak(ttls) <= 38  # 10,000 over 721 seconds: 14 on average


def test_ten_percent_of_a_minute_cuts_the_peak_to_about_870_only(example: ModuleType) -> None:
    for seed in range(20):
        rng = random.Random(seed)
        assert 800 <= example.peak(example.jitter(60, rng) for _ in range(10_000)) <= 960


def test_first_read_after_warming_is_a_hit(example: ModuleType, cache: Any, db: sqlite3.Connection) -> None:
    assert example.warm(cache, db, random.Random(1)) == 101
    assert json.loads(cache.get(example.cache_key("category 7"))) == ["book 207", "book 107", "book 7"]
    assert json.loads(cache.get(example.cache_key("*' OR '1'='1"))) == ["Robert'); --"]
    assert len(list(cache.scan_iter())) == 101


def test_warmed_keys_expire_apart(example: ModuleType, cache: Any, db: sqlite3.Connection) -> None:
    example.warm(cache, db, random.Random(1))
    ttls = [cache.ttl(key) for key in cache.scan_iter("cache:bestsellers:*")]
    assert len(ttls) == 101
    assert min(ttls) >= 3239 and max(ttls) <= 3960
    assert len(set(ttls)) > 50


def test_warming_overwrites_nothing(example: ModuleType, cache: Any, db: sqlite3.Connection) -> None:
    cache.set(example.cache_key("category 7"), '["newer"]', ex=100)
    example.warm(cache, db, random.Random(1))
    assert cache.get(example.cache_key("category 7")) == '["newer"]'
    assert cache.ttl(example.cache_key("category 7")) <= 100


def test_warming_needs_few_server_reads(example: ModuleType, cache: Any, db: sqlite3.Connection) -> None:
    cache.ping()
    before = cache.info("stats")["total_reads_processed"]
    example.warm(cache, db, random.Random(1))
    reads = cache.info("stats")["total_reads_processed"] - before
    assert reads < 20, f"{reads} for 101 keys"
