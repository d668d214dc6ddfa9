"""What the page claims of jitter and warming."""

import json
import random
import re
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.load import load

ROOT = Path(__file__).resolve().parents[3]


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


def test_ten_percent_of_an_hour_cuts_the_peak_from_10000_to_below_40(example: ModuleType) -> None:
    assert example.peak([3600] * 10_000) == 10_000
    for seed in range(20):
        rng = random.Random(seed)
        ttls = [example.jitter(3600, rng) for _ in range(10_000)]
        assert min(ttls) >= 3240 and max(ttls) <= 3960
        assert 22 <= example.peak(ttls) <= 38  # 10,000 over 721 seconds: 14 on average


def test_ten_percent_of_a_minute_cuts_the_peak_to_some_900_only(example: ModuleType) -> None:
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


def test_peaks_that_the_page_names_are_those_that_the_program_prints() -> None:
    printed = Path(ROOT, "snippets/patterns/stampede/warming.out").read_text("utf-8")
    hour, minute = re.findall(r"at most (\d+)", printed)
    text = Path(ROOT, "docs/patterns/stampede.md").read_text("utf-8")
    assert re.findall(r"in the run above \*\*(\d+)\*\*", text) == [hour, minute]


class Overtaken:
    """A database in which a writer commits, and deletes the key, as soon as the titles have been read."""

    def __init__(self, db: sqlite3.Connection, cache: Any, key: str) -> None:
        self.db, self.cache, self.key, self.reads = db, cache, key, 0

    def execute(self, query: str) -> Any:
        rows = self.db.execute(query).fetchall()
        self.reads += 1
        if self.reads == 1:
            self.db.execute("UPDATE books SET title = 'newer' WHERE category = 'category 7'")
            self.cache.delete(self.key)
        return rows


def test_warming_leaves_nothing_that_is_older_than_a_commit(
    example: ModuleType, cache: Any, db: sqlite3.Connection
) -> None:
    key = example.cache_key("category 7")
    example.warm(cache, Overtaken(db, cache, key), random.Random(1))
    assert cache.get(key) is None
    assert 3239 <= cache.ttl(example.cache_key("category 8")) <= 3960


def test_warming_that_is_killed_leaves_its_values_for_a_minute(
    example: ModuleType, cache: Any, db: sqlite3.Connection
) -> None:
    class Killed(Overtaken):
        def execute(self, query: str) -> Any:
            if self.reads:
                raise KeyboardInterrupt
            return super().execute(query)

    with pytest.raises(KeyboardInterrupt):
        example.warm(cache, Killed(db, cache, "another"), random.Random(1))
    ttls = [cache.ttl(key) for key in cache.scan_iter("cache:*")]
    assert len(ttls) == 101
    assert max(ttls) <= 60


def test_lock_and_single_flight_read_what_was_warmed(
    example: ModuleType, cache: Any, db: sqlite3.Connection, redis_url: str
) -> None:
    """Three programs write these keys: each reads what another has stored, in both orders."""
    example.warm(cache, db, random.Random(1))
    lock, flight = [load(Path(example.__file__ or "").with_name(f"{name}.py")) for name in ("lock", "single_flight")]
    for one, other in ((lock, flight), (flight, lock)):
        for program in (one, other):
            books = program.Bestsellers(program.connect(redis_url), lambda category: [f"loaded {category}"])
            assert books.get("category 7") == ["book 207", "book 107", "book 7"]
            assert books.get("new") == ["loaded new"]
            assert books.stats == {}
        cache.delete(example.cache_key("new"))
