"""What the connections page shows failing: a pool as it is often configured."""

from types import ModuleType
from typing import Any

import pytest
import redis
from redis.connection import ConnectionPool, SSLConnection


def test_ssl_true_builds_and_then_every_command_raises(example: ModuleType) -> None:
    client = example.connect("127.0.0.1", 6380)
    for _ in range(2):
        with pytest.raises(TypeError, match="'ssl'"):
            client.ping()


def test_pools_and_urls_have_no_retries(example: ModuleType, redis_url: str) -> None:
    assert example.retries(redis.Redis(host="127.0.0.1")) == 10
    assert example.retries(redis.Redis.from_url(redis_url)) == 0
    assert example.retries(redis.Redis(connection_pool=ConnectionPool())) == 0
    assert example.retries(redis.Redis(connection_pool=ConnectionPool.from_url(redis_url))) == 0


def test_retry_on_timeout_is_one_retry_without_backoff(example: ModuleType) -> None:
    pool = ConnectionPool(retry_on_timeout=True, connection_class=SSLConnection)
    client = redis.Redis(connection_pool=pool)
    assert example.retries(client) == 1
    connection: Any = pool.make_connection()
    assert connection.retry._backoff.compute(1) == 0


def test_plain_pool_allows_a_hundred_connections() -> None:
    pool = ConnectionPool.from_url("redis://127.0.0.1:1")
    for _ in range(100):
        pool.make_connection()
    with pytest.raises(redis.exceptions.MaxConnectionsError):
        pool.make_connection()


def test_plain_pool_raises_at_once_when_exhausted(redis_url: str) -> None:
    client = redis.Redis(connection_pool=ConnectionPool.from_url(redis_url, max_connections=1))
    held = client.connection_pool.get_connection()
    with pytest.raises(redis.exceptions.MaxConnectionsError):
        client.ping()
    client.connection_pool.release(held)
    assert client.ping()
