"""What the resilience page claims of the circuit breaker, in Python."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server


class Clock:
    """A clock to set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(example: ModuleType, clock: Clock) -> Any:
    # not as shipped: a breaker ships without a wait, and the clock is set by hand
    return example.CircuitBreaker(limit=3, wait=5, clock=clock)


def fallback() -> str:
    return "fallback"


def fail() -> str:
    raise redis.ConnectionError("away")


def works() -> str:
    return "Redis"


def open_it(breaker: Any) -> None:
    for _ in range(3):
        assert breaker.call(fail, fallback) == "fallback"
    assert breaker.call(works, fallback) == "fallback"


def test_failures_far_apart_do_not_open_it(breaker: Any) -> None:
    for number in range(5000):
        if number % 5 == 0:  # two of any ten
            assert breaker.call(fail, fallback) == "fallback"
        else:
            assert breaker.call(works, fallback) == "Redis"
    open_it(breaker)  # and three close together do


@pytest.mark.parametrize(("failing", "of", "sent"), [(1, 3, 7), (2, 3, 4), (1, 2, 5)])
def test_it_opens_where_one_of_three_calls_times_out(example: ModuleType, failing: int, of: int, sent: int) -> None:
    # not as shipped: a breaker ships without a wait; the program's run takes 2.5
    breaker, calls = example.CircuitBreaker(limit=3, wait=2.5, clock=lambda: 0), []

    def command() -> str:
        calls.append(1)
        if (len(calls) - 1) % of < failing:
            raise redis.TimeoutError("a dead shard")
        return "Redis"

    for _ in range(1500):
        breaker.call(command, fallback)
    assert len(calls) == sent


def test_what_failed_before_it_opened_is_forgotten_when_it_closes(breaker: Any, clock: Clock) -> None:
    open_it(breaker)
    clock.now = 5
    assert breaker.call(works, fallback) == "Redis"  # the probe
    for _ in range(2):
        assert breaker.call(fail, fallback) == "fallback"
    assert breaker.call(works, fallback) == "Redis"


def test_timeouts_count_like_lost_connections(breaker: Any) -> None:
    def slow() -> str:
        raise redis.TimeoutError("no answer")

    for _ in range(3):
        assert breaker.call(slow, fallback) == "fallback"
    assert breaker.call(works, fallback) == "fallback"


def test_half_open_admits_one_probe(breaker: Any, clock: Clock) -> None:
    open_it(breaker)
    clock.now = 5
    started, finish, asked = threading.Event(), threading.Event(), []

    def probe() -> str:
        asked.append(1)
        started.set()
        assert finish.wait(10)
        return "Redis"

    with ThreadPoolExecutor(50) as callers:
        calls = [callers.submit(breaker.call, probe, fallback) for _ in range(50)]
        assert started.wait(10)
        deadline = time.monotonic() + 10
        while sum(call.done() for call in calls) < 49 and time.monotonic() < deadline:
            time.sleep(0.01)
        finish.set()
    assert sorted(call.result() for call in calls) == ["Redis"] + ["fallback"] * 49
    assert len(asked) == 1
    assert breaker.call(works, fallback) == "Redis"  # closed


def test_failed_probe_opens_for_another_wait(breaker: Any, clock: Clock) -> None:
    open_it(breaker)
    clock.now = 5
    assert breaker.call(fail, fallback) == "fallback"
    clock.now = 9
    assert breaker.call(works, fallback) == "fallback"
    clock.now = 10
    assert breaker.call(works, fallback) == "Redis"


def test_app_errors_do_not_trip(breaker: Any, redis_url: str) -> None:
    cache = redis.Redis.from_url(redis_url)
    cache.set("demo:text", "Ada")
    for _ in range(10):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            breaker.call(lambda: cache.lpush("demo:text", "x"), fallback)
    assert breaker.call(works, fallback) == "Redis"


def test_cluster_that_is_down_opens_it(breaker: Any) -> None:
    def down(error: Exception) -> str:
        raise error

    errors = redis.exceptions
    unreachable = errors.RedisClusterException("Redis Cluster cannot be connected. Please provide a node")
    for error in (errors.ClusterDownError("down"), errors.BusyLoadingError("loading"), unreachable):
        assert breaker.call(partial(down, error), fallback) == "fallback"
    assert breaker.call(works, fallback) == "fallback"


def test_refused_write_is_an_answer(breaker: Any, own_server: Server) -> None:
    client = redis.Redis.from_url(own_server.url)
    client.config_set("maxmemory", 1)
    for _ in range(10):
        with pytest.raises(redis.OutOfMemoryError):
            breaker.call(lambda: client.set("demo:name", "Ada"), fallback)
    assert breaker.call(client.ping, fallback) is True


def test_own_exhausted_pool_does_not_open_it(breaker: Any, redis_url: str) -> None:
    client = redis.Redis(connection_pool=redis.ConnectionPool.from_url(redis_url, max_connections=1))
    held = client.connection_pool.get_connection()
    for _ in range(10):
        with pytest.raises(redis.exceptions.MaxConnectionsError):
            breaker.call(client.ping, fallback)
    client.connection_pool.release(held)
    assert breaker.call(client.ping, fallback) is True


def test_callers_who_waited_for_a_connection_in_vain_do_not_open_it(breaker: Any, redis_url: str) -> None:
    pool: Any = redis.BlockingConnectionPool.from_url(redis_url, max_connections=1, timeout=0.01)
    client, held = redis.Redis(connection_pool=pool), pool.get_connection()
    for _ in range(10):
        with pytest.raises(redis.ConnectionError, match="No connection available"):
            breaker.call(client.ping, fallback)
    pool.release(held)
    assert breaker.call(client.ping, fallback) is True


def test_probe_that_raises_leaves_room_for_the_next(breaker: Any, clock: Clock) -> None:
    def bug() -> str:
        raise ZeroDivisionError

    def password() -> str:
        raise redis.AuthenticationError("wrong password")

    open_it(breaker)
    clock.now = 5
    with pytest.raises(ZeroDivisionError):
        breaker.call(bug, fallback)
    with pytest.raises(redis.AuthenticationError):
        breaker.call(password, fallback)
    assert breaker.call(works, fallback) == "Redis"


def test_late_answer_does_not_close_it(breaker: Any) -> None:
    begun, finish = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert finish.wait(10)
        return "Redis"

    with ThreadPoolExecutor(1) as caller:
        late = caller.submit(breaker.call, slow, fallback)
        assert begun.wait(10)
        open_it(breaker)
        finish.set()
        assert late.result() == "Redis"
    assert breaker.call(works, fallback) == "fallback"  # only a probe closes it


def test_killed_redis_opens_it_and_a_restarted_one_closes_it(
    example: ModuleType, own_server: Server, clock: Clock
) -> None:
    cache, sent = example.connect(own_server.url), []
    # not as shipped: a breaker ships without a wait, and the clock is set by hand
    breaker = example.CircuitBreaker(limit=3, wait=5, clock=clock)

    def ask() -> str:
        sent.append(1)
        return str(cache.get("demo:name"))

    cache.set("demo:name", "Ada")
    assert breaker.call(ask, fallback) == "Ada"
    own_server.kill()
    assert [breaker.call(ask, fallback) for _ in range(1000)] == ["fallback"] * 1000
    assert len(sent) == 4  # one before, three failures, then nothing
    own_server.start()
    assert breaker.call(ask, fallback) == "fallback"  # the wait is not over
    example.connect(own_server.url).set("demo:name", "Ada")
    clock.now = 5
    assert breaker.call(ask, fallback) == "Ada"
    assert len(sent) == 5


def test_frozen_redis_costs_its_timeouts_and_then_nothing(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    cache.ping()
    # not as shipped: a breaker ships without a wait, and none may end here
    breaker = example.CircuitBreaker(limit=3, wait=60)
    own_server.freeze()
    started = time.monotonic()
    for _ in range(1000):
        assert breaker.call(lambda: cache.get("demo:name"), fallback) == "fallback"
    assert time.monotonic() - started < 5  # three timeouts of 0.2 s; 1000 would be 200 s
