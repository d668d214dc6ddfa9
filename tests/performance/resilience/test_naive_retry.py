"""That the retries the page warns of really fail as the page says."""

from types import ModuleType

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.lossy_proxy import LossyProxy
from harness.servers import Server

NOWHERE = "redis://127.0.0.1:1"


def test_naive_retry_hides_the_connection_error_behind_a_name_error(example: ModuleType) -> None:
    cache = redis.Redis.from_url(NOWHERE)
    with pytest.raises(NameError):
        example.with_retry(lambda: cache.get("demo:name"))


def test_naive_retry_with_no_tries_answers_none(example: ModuleType) -> None:
    cache = redis.Redis.from_url(NOWHERE)
    assert example.with_retry(lambda: cache.get("demo:name"), max_retries=0) is None


def test_naive_retry_multiplies_the_built_in_one(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    monkeypatch.setattr(example, "random", random, raising=False)
    waits: list[float] = []
    monkeypatch.setattr(example.time, "sleep", waits.append)
    pool = redis.ConnectionPool(
        connection_class=example.Counting, host="127.0.0.1", port=1, retry=Retry(NoBackoff(), retries=10)
    )
    monkeypatch.setattr(example.Counting, "tries", 0)
    with pytest.raises(redis.ConnectionError):
        example.with_retry(lambda: redis.Redis(connection_pool=pool).get("demo:name"))
    assert example.Counting.tries == 33
    assert 1 <= waits[0] <= 2 <= waits[1] <= 3  # seconds, in the path of a request


def test_a_client_made_by_host_has_ten_retries_and_one_made_by_url_none(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert redis.Redis(host="127.0.0.1", port=1).get_retry().get_retries() == 10  # type: ignore[union-attr]
    monkeypatch.setattr(example.Counting, "tries", 0)
    with pytest.raises(redis.ConnectionError):
        redis.Redis(connection_pool=redis.ConnectionPool.from_url(NOWHERE, connection_class=example.Counting)).ping()
    assert example.Counting.tries == 1


def test_built_in_retry_counts_one_incr_three_times(own_server: Server) -> None:
    proxy = LossyProxy(own_server.port, "INCRBY", losses=2)
    cache = redis.Redis(host="127.0.0.1", port=int(proxy.url.rpartition(":")[2]))  # ten retries, unasked
    cache.incr("counter:orders")
    assert cache.get("counter:orders") == b"3"
    proxy.close()
