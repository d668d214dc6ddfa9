"""What the resilience page claims of retries, in Python."""

import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import redis

from harness.lossy_proxy import LossyProxy
from harness.servers import Cluster, Server


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
    assert max(frozen, killed) < example.DEADLINE + 1  # this machine may be busy; without a deadline it has no end
    assert min(frozen, killed) > 2 * example.WAIT  # it did try again


def test_no_try_begins_that_a_silent_redis_could_hold_past_the_deadline(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that only tries and pauses move: each try waits for a connection, then for a first reply."""
    now, tries = [0.0], [0]

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    def silent(*_: Any, **__: Any) -> None:
        tries[0] += 1
        pass_time(2 * example.WAIT)
        raise redis.TimeoutError

    monkeypatch.setattr(redis.Redis, "execute_command", silent)
    monkeypatch.setattr(example, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=pass_time))
    for _ in range(200):
        began, tries[0] = now[0], 0
        with pytest.raises(redis.TimeoutError):
            example.connect("redis://127.0.0.1:1").get("demo:name")
        assert now[0] - began <= example.DEADLINE + 1e-9
        assert tries[0] > 1


def test_original_error_surfaces(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    cache.lpush("demo:list", "1")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        cache.get("demo:list")
    with redis.Redis.from_url(own_server.url) as admin:
        assert admin.info("commandstats")["cmdstat_get"]["calls"] == 1
        admin.config_set("requirepass", "changed")
        with pytest.raises(redis.AuthenticationError):
            example.connect(own_server.url).get("demo:name")
        assert admin.info("stats")["total_connections_received"] < 10  # waiting mends no password: one try
    own_server.kill()
    with pytest.raises(redis.ConnectionError, match="refused"):
        cache.get("demo:name")


def test_connection_to_what_has_become_a_replica_is_not_kept(example: ModuleType, own_server: Server) -> None:
    """Until the deadline: an address may lead to the new primary by then."""
    cache, opened = example.connect(own_server.url), "total_connections_received"
    with own_server.client() as admin:
        cache.set("demo:name", "Ada", ex=60)
        admin.replicaof("127.0.0.1", "1")
        before = admin.info("stats")[opened]
        with pytest.raises(redis.ReadOnlyError):
            cache.set("demo:name", "Grace", ex=60)
        assert admin.info("stats")[opened] > before
        admin.replicaof("NO", "ONE")
    assert cache.set("demo:name", "Grace", ex=60) is True


def test_own_exhausted_pool_is_busy_and_not_retried(example: ModuleType, redis_url: str) -> None:
    cache = example.connect(redis_url)
    held = [cache.connection_pool.get_connection() for _ in range(100)]
    began = time.monotonic()
    with pytest.raises(redis.ConnectionError, match="No connection available"):
        cache.get("demo:name")
    assert time.monotonic() - began < example.DEADLINE  # one wait for a connection, not several
    for connection in held:
        cache.connection_pool.release(connection)
    assert cache.get("demo:name") is None


def test_moved_is_not_retried(example: ModuleType, cluster: Cluster) -> None:
    cache, moved = example.connect(cluster.url), 0
    cluster.flush()
    cache.config_resetstat()
    for i in range(20):
        try:
            cache.set(f"demo:{i}", "x")
        except redis.exceptions.MovedError:
            moved += 1
    assert 0 < moved < 20
    assert cache.info("commandstats")["cmdstat_set"]["rejected_calls"] == moved


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


def test_repeated_write_undoes_what_another_has_written_between(
    example: ModuleType, own_server: Server, lossy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = redis.Redis.from_url(own_server.url, decode_responses=True)
    pauses: list[float] = []

    def write(pause: float) -> None:
        pauses.append(pause)
        plain.set("demo:name", "theirs")

    monkeypatch.setattr(example, "time", SimpleNamespace(monotonic=time.monotonic, sleep=write))
    assert example.connect(lossy("DEL").url).delete("demo:name") == 1  # theirs, and not what was meant
    assert plain.get("demo:name") is None
    assert example.connect(lossy("SET").url).set("demo:name", "ours") is True
    assert plain.get("demo:name") == "ours"
    assert len(pauses) == 4


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


def test_request_that_could_not_be_counted_is_not_marked(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    cache.set("counter:orders", "letters")
    for _ in range(2):
        with pytest.raises(redis.ResponseError, match="not an integer"):
            example.count_once(cache, "orders", "7")
    cache.delete("counter:orders")
    assert example.count_once(cache, "orders", "7") == 1


def test_repeat_answers_the_count_as_it_is_now(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    assert [example.count_once(cache, "orders", request) for request in ("7", "8", "7")] == [1, 2, 2]
    cache.delete("counter:orders")  # evicted, and the marker is still there
    assert example.count_once(cache, "orders", "7") == 0
    assert cache.get("counter:orders") is None


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
