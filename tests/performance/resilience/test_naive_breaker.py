"""That the breaker the page warns of really fails as the page says."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import ModuleType

import pytest
import redis


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    cache = redis.Redis.from_url(redis_url)
    cache.set("demo:text", "Ada")
    return cache


DEAD = redis.Redis.from_url("redis://127.0.0.1:1")  # nothing listens there


def fail(breaker: object, times: int = 1) -> None:
    for _ in range(times):
        with suppress(redis.ConnectionError):
            breaker.call(lambda: DEAD.get("demo:text"))  # type: ignore[attr-defined]


def test_naive_breaker_opens_on_five_failures_among_thousands_of_successes(
    example: ModuleType, cache: redis.Redis
) -> None:
    breaker = example.NaiveBreaker()
    for _ in range(5):
        assert breaker.state == "CLOSED"
        for _ in range(1000):
            assert breaker.call(lambda: cache.get("demo:text")) == b"Ada"
        fail(breaker)
    assert breaker.state == "OPEN"


def test_naive_breaker_opens_on_application_errors(example: ModuleType, cache: redis.Redis) -> None:
    breaker = example.NaiveBreaker()
    for _ in range(5):
        with pytest.raises(redis.ResponseError):
            breaker.call(lambda: cache.lpush("demo:text", "x"))
    assert breaker.state == "OPEN"


def test_naive_breaker_has_no_answer_while_open(example: ModuleType) -> None:
    breaker = example.NaiveBreaker()
    fail(breaker, 5)
    with pytest.raises(Exception, match="Circuit breaker is OPEN"):
        breaker.call(lambda: "never asked")


def test_naive_breaker_lets_fifty_of_fifty_callers_probe(example: ModuleType) -> None:
    breaker = example.NaiveBreaker(timeout=0)
    fail(breaker, 5)
    inside = threading.Barrier(51)
    with ThreadPoolExecutor(50) as callers:
        for _ in range(50):
            callers.submit(breaker.call, lambda: inside.wait(10))
        inside.wait(10)  # all 50 are in it at once, or this raises
