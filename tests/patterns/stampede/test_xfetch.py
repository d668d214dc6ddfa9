"""What the page claims of XFetch."""

import json
import math
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from harness.servers import Server


class Loads:
    """A database that counts its loads, and can be held up."""

    def __init__(self) -> None:
        self.count, self.go, self.loading = 0, threading.Event(), threading.Event()
        self.go.set()

    def __call__(self, category: str) -> Any:
        self.count += 1
        number = self.count
        self.loading.set()
        assert self.go.wait(10)
        return f"load {number}"


@pytest.fixture
def load() -> Loads:
    return Loads()


@pytest.fixture
def trending(example: ModuleType, redis_url: str, load: Loads) -> Any:
    return example.Trending(example.connect(redis_url), load)


def share(example: ModuleType, gap: float, beta: float, delta: float = 1.0, draws: int = 100_000) -> float:
    """Return how many of the reads at a gap before expiry load early."""
    entry, rng = example.Entry("", delta, expiry=gap), random.Random(2015).random
    return float(sum(example.is_due(entry, 0.0, rng, beta) for _ in range(draws)) / draws)


@pytest.mark.parametrize(("gap", "beta"), [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (3.0, 1.5), (1.0, 0.5)])
def test_xfetch_early_probability_is_exp_of_minus_gap_over_beta_delta(
    example: ModuleType, gap: float, beta: float
) -> None:
    p = math.exp(-gap / beta)
    assert abs(share(example, gap, beta) - p) < 3 * math.sqrt(p * (1 - p) / 100_000)
    assert abs(share(example, gap * 7, beta, delta=7) - p) < 3 * math.sqrt(p * (1 - p) / 100_000)


def test_xfetch_at_one_delta_is_37_percent_not_63(example: ModuleType) -> None:
    assert 0.363 < share(example, gap=1.0, beta=1.0) < 0.373


def test_xfetch_beta_above_one_loads_earlier(example: ModuleType) -> None:
    assert share(example, 1.0, beta=0.5) < share(example, 1.0, beta=1.0) < share(example, 1.0, beta=2.0)


def test_xfetch_survives_a_generator_that_says_zero(example: ModuleType) -> None:
    entry = example.Entry("", 1.0, expiry=10.0)
    assert example.is_due(entry, 0.0, lambda: 0.0) is False
    assert example.is_due(entry, 10.0, lambda: 0.0) is True  # at its expiry, whatever the lot
    assert example.is_due(entry, 0.0, lambda: 1 - 2**-53) is True  # the longest lot: 36.7 deltas


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
def test_xfetch_alone_loads_e_to_the_one_over_beta_times(example: ModuleType, beta: float) -> None:
    """1,000 reads a second, a load of 0.1 s: those that begin before the first has ended, of 600 refreshes."""
    rate, delta, rng = 1000, 0.1, random.Random(2015)
    counts = []
    for _ in range(600):
        entry, now, first, loads = example.Entry("", delta, expiry=1.5), 0.0, math.inf, 0
        while now < first + delta:
            now += rng.expovariate(rate)
            if now < first + delta and example.is_due(entry, now, rng.random, beta):
                first, loads = min(first, now), loads + 1
        counts.append(loads)
    mean = sum(counts) / len(counts)
    error = math.sqrt(sum((count - mean) ** 2 for count in counts) / len(counts)) / math.sqrt(len(counts))
    assert abs(mean - math.exp(1 / beta)) < 3 * error + 0.05  # the formula is a limit: rate × delta is only 100


def test_xfetch_with_nx_loads_once(example: ModuleType, trending: Any, load: Loads) -> None:
    assert trending.get("scifi") == "load 1"
    trending.now = lambda: time.time() + example.TTL  # every lot says: load now
    load.go.clear()
    load.loading.clear()
    with ThreadPoolExecutor(50) as readers:
        first = readers.submit(trending.get, "scifi")
        assert load.loading.wait(10)
        assert list(readers.map(trending.get, ["scifi"] * 49)) == ["load 1"] * 49  # none of them waits
        load.go.set()
        assert first.result(10) == "load 2"
    assert load.count == 2
    assert list(trending.cache.scan_iter("lock:*")) == []


def test_xfetch_reader_that_is_late_does_not_load_again(example: ModuleType, trending: Any, load: Loads) -> None:
    trending.get("scifi")
    trending.now = lambda: time.time() + example.TTL
    load_early = trending.load_early

    def be_overtaken_and_load(category: str, entry: Any) -> Any:
        trending.load_early = load_early
        assert trending.get(category) == "load 2"
        return load_early(category, entry)

    trending.load_early = be_overtaken_and_load
    assert trending.get("scifi") == "load 2"
    assert load.count == 2
    assert list(trending.cache.scan_iter("lock:*")) == []


def test_xfetch_does_not_protect_a_cold_key(trending: Any) -> None:
    loads, together = [], threading.Barrier(50)

    def load(category: str) -> Any:
        loads.append(category)
        together.wait(10)
        return "Dune"

    trending.load = load
    with ThreadPoolExecutor(50) as readers:
        list(readers.map(trending.get, ["scifi"] * 50))
    assert len(loads) == 50


def test_xfetch_stores_value_delta_and_expiry_with_a_ttl(example: ModuleType, trending: Any) -> None:
    clock = iter([1000.0, 1002.5, 1002.5])
    trending.now = lambda: next(clock)
    trending.get("scifi")
    key, _ = example.keys("scifi")
    assert json.loads(trending.cache.get(key)) == {"value": "load 1", "delta": 2.5, "expiry": 1002.5 + example.TTL}
    assert 0 < trending.cache.ttl(key) <= example.TTL


def test_xfetch_early_load_that_fails_keeps_the_value(example: ModuleType, trending: Any, load: Loads) -> None:
    def fail(_: str) -> Any:
        raise ConnectionRefusedError("the database is down")

    trending.get("scifi")
    trending.load, trending.now = fail, lambda: time.time() + example.TTL
    assert trending.get("scifi") == "load 1"
    assert list(trending.cache.scan_iter("lock:*")) == []


def test_xfetch_works_without_redis(example: ModuleType, own_server: Server, load: Loads) -> None:
    trending = example.Trending(example.connect(own_server.url), load)
    trending.get("scifi")
    own_server.kill()
    assert trending.get("scifi") == "load 2"
    assert trending.stats["cache errors"] == 2


CORRUPT = [
    b"\xff\xfe", "", "not json", "null", "5", "NaN", '["load 1"]', '{"value":"load 1"}', "[" * 100_000,
    '{"value":"load 1","delta":NaN,"expiry":9}', '{"value":"load 1","delta":1,"expiry":null}',
    '{"value":"load 1","delta":1,"expiry":1' + "0" * 400 + "}",
]  # fmt: skip


def test_xfetch_takes_a_corrupt_entry_for_a_counted_miss(example: ModuleType, trending: Any) -> None:
    key, _ = example.keys("scifi")
    for count, corrupt in enumerate(CORRUPT, 1):
        trending.cache.set(key, corrupt)
        assert trending.get("scifi") == f"load {count}"
        assert trending.stats == {"corrupt values": count}


def test_xfetch_serves_the_value_where_its_lock_is_refused(
    example: ModuleType, own_server: Server, load: Loads
) -> None:
    trending = example.Trending(example.connect(own_server.url), load)
    trending.get("scifi")
    trending.now = lambda: time.time() + example.TTL
    trending.cache.config_set("maxmemory", 1)
    assert trending.get("scifi") == "load 1"
    assert (load.count, trending.stats) == (1, {"refused writes": 1})


@pytest.mark.parametrize("value", [float("nan"), Decimal("1.5"), date(2026, 11, 28), ("Dune",), {(1, 2): 3}], ids=str)
def test_xfetch_returns_what_it_cannot_store(example: ModuleType, trending: Any, value: Any) -> None:
    trending.load = lambda _: value
    assert str(trending.get("scifi")) == str(value)
    assert trending.cache.exists(example.keys("scifi")[0]) == 0
    assert trending.stats == {"mistakes": 1}


def test_clock_that_is_set_back_during_a_load_makes_no_load_late(example: ModuleType, trending: Any) -> None:
    clock = iter([1000.0, 900.0, 900.0])
    trending.now = lambda: next(clock)
    trending.get("scifi")
    assert json.loads(trending.cache.get(example.keys("scifi")[0]))["delta"] == 0
