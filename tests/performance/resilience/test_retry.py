"""What the resilience page claims of retries, in Python."""

import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import redis

from tests.lossy_proxy import LossyProxy
from tests.servers import Cluster, Server


@pytest.fixture
def lossy(own_server: Server) -> Iterator[Any]:
    """Make a proxy before a server, which loses two replies to a command."""
    made = []

    def make(command: str) -> LossyProxy:
        made.append(LossyProxy(own_server.port, command, losses=2))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


def test_gives_up_within_deadline(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    cache.ping()
    own_server.freeze()
    started = time.monotonic()
    with pytest.raises(redis.TimeoutError):
        cache.get("demo:name")
    frozen = time.monotonic() - started
    own_server.kill()
    started = time.monotonic()
    with pytest.raises(redis.ConnectionError):
        cache.get("demo:name")
    killed = time.monotonic() - started
    assert max(frozen, killed) < example.DEADLINE + 2  # this machine may be busy; without a deadline it has no end
    assert min(frozen, killed) > 2 * example.WAIT  # it did try again


def test_original_error_surfaces(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    cache.lpush("demo:list", "1")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        cache.get("demo:list")
    with redis.Redis.from_url(own_server.url) as admin:
        admin.config_set("requirepass", "changed")
        with pytest.raises(redis.AuthenticationError):
            example.connect(own_server.url).get("demo:name")
        assert admin.info("stats")["total_connections_received"] < 10  # waiting mends no password: one try
    own_server.kill()
    with pytest.raises(redis.ConnectionError, match="refused"):
        cache.get("demo:name")


def test_moved_is_not_retried(example: ModuleType, cluster: Cluster) -> None:
    cache, moved = example.connect(cluster.url), 0
    started = time.monotonic()
    for i in range(20):
        try:
            cache.set(f"demo:{i}", "x")
        except redis.exceptions.MovedError:
            moved += 1
    assert 0 < moved < 20
    assert time.monotonic() - started < 10


def test_reads_and_plain_sets_are_repeated(example: ModuleType, lossy: Any) -> None:
    cache = example.connect(lossy("SET").url)
    assert cache.set("demo:name", "Ada", ex=60) is True
    reader = lossy("GET")
    cache = example.connect(reader.url)
    assert cache.get("demo:name") == "Ada"
    assert reader.attempts == 3  # two replies lost


def test_repeated_delete_may_answer_zero(example: ModuleType, own_server: Server, lossy: Any) -> None:
    plain = example.connect(own_server.url)
    plain.set("demo:name", "Ada")
    assert example.connect(lossy("DEL").url).delete("demo:name") == 0
    assert plain.get("demo:name") is None  # though it is gone


def test_incr_not_applied_twice(example: ModuleType, own_server: Server, lossy: Any) -> None:
    proxy = lossy("INCRBY")  # what redis-py sends
    cache = example.connect(proxy.url)
    with pytest.raises(redis.ConnectionError):
        cache.incr("counter:orders")
    assert proxy.attempts == 1
    assert example.connect(own_server.url).get("counter:orders") == "1"


def test_conditional_set_is_not_repeated(example: ModuleType, lossy: Any) -> None:
    for options in ({"nx": True}, {"xx": True}, {"get": True}, {"nx": True, "ex": 60}, {"ex": 60, "get": True}):
        proxy = lossy("SET")
        with pytest.raises(redis.ConnectionError):
            example.connect(proxy.url).set("demo:name", "Ada", **options)
        assert proxy.attempts == 1
    proxy = lossy("SET")
    assert example.connect(proxy.url).set("demo:name", "NX") is True  # a value, not an option


def test_request_id_makes_incr_repeatable(example: ModuleType, own_server: Server, lossy: Any) -> None:
    proxy = lossy("EVAL")
    cache = example.connect(proxy.url)
    assert example.count_once(cache, "orders", "7") == 1
    assert proxy.attempts == 3
    for request in ("8", "*", 'it\'s "7"', "ключ\n", "x" * 10_000):
        assert example.count_once(cache, "orders", request) == example.count_once(cache, "orders", request)
    admin = redis.Redis.from_url(own_server.url, decode_responses=True)
    assert admin.get("counter:orders") == "6"
    assert all(0 < admin.ttl(key) <= example.SEEN for key in admin.scan_iter("seen:*"))


def test_request_marker_and_counter_share_a_slot(example: ModuleType, cluster: Cluster) -> None:
    sent = []

    class Cache:
        def repeat(self, *args: Any) -> int:
            sent.append(args)
            return 1

    example.count_once(Cache(), "orders", "7")
    client = redis.RedisCluster.from_url(cluster.url)
    assert client.eval(*sent[0][1:]) == 1  # CROSSSLOT otherwise
    client.close()
