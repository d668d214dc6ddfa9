"""What the connections page claims of the pool."""

import socket
import sqlite3
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.load import load
from harness.lossy_proxy import LossyProxy
from harness.servers import Server, free_port
from harness.tls import KEY, TlsRedis

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def test_tls_pool_pings(example: ModuleType, tls_redis: TlsRedis) -> None:
    before = tls_redis.accepted
    with example.connect(tls_redis.url.replace("//", f"//:{KEY}@"), ca=tls_redis.ca) as client:
        assert client.ping()
        assert isinstance(client.connection_pool, redis.BlockingConnectionPool)
    assert tls_redis.accepted == before + 1


def test_client_for_each_command_costs_a_handshake_each(example: ModuleType, tls_redis: TlsRedis) -> None:
    url = tls_redis.url.replace("//", f"//:{KEY}@")
    before = tls_redis.accepted
    with example.connect(url, ca=tls_redis.ca) as shared:
        for _ in range(10):
            shared.ping()
    assert tls_redis.accepted == before + 1
    for _ in range(10):
        with example.connect(url, ca=tls_redis.ca) as own:
            own.ping()
    assert tls_redis.accepted == before + 1 + 10


def test_tls_pool_refuses_an_unknown_authority(example: ModuleType, tls_redis: TlsRedis) -> None:
    with example.connect(tls_redis.url) as client, pytest.raises(redis.ConnectionError, match="certificate verify"):
        client.ping()


def test_retry_count_is_configured(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted where it happens: each attempt to reach a server that is not there."""
    attempts = []
    connect_once: Any = redis.Connection._connect

    def counted(connection: redis.Connection) -> Any:
        attempts.append(connection)
        return connect_once(connection)

    monkeypatch.setattr(redis.Connection, "_connect", counted)
    with pytest.raises(redis.ConnectionError):
        example.connect(f"redis://127.0.0.1:{free_port()}").ping()
    assert len(attempts) == 1 + 1


def test_pool_retries_count_one_incr_again(example: ModuleType, own_server: Server) -> None:
    counted = []
    for retries in (1, 0):
        proxy = LossyProxy(own_server.port, "INCRBY", losses=1)  # what redis-py sends
        with example.connect(proxy.url, retries=retries) as client:
            try:
                counted.append(client.incr(f"counter:{retries}"))
            except redis.ConnectionError:
                counted.append("error")
        proxy.close()
    with example.connect(own_server.url) as client:
        assert counted == [2, "error"]
        assert client.mget("counter:1", "counter:0") == ["2", "1"]


def test_exhausted_pool_waits_then_errors(example: ModuleType, redis_url: str) -> None:
    with example.connect(redis_url, size=1) as client:
        held = client.connection_pool.get_connection()
        started = time.monotonic()
        with pytest.raises(redis.ConnectionError, match="No connection available"):
            client.ping()
        assert 1.9 < time.monotonic() - started < 6
        client.connection_pool.release(held)


def test_waiting_caller_gets_the_connection_that_comes_back(example: ModuleType, redis_url: str) -> None:
    with example.connect(redis_url, size=1) as client:
        held = client.connection_pool.get_connection()
        answers: list[object] = []
        caller = threading.Thread(target=lambda: answers.append(client.ping()))
        caller.start()
        caller.join(0.2)
        assert caller.is_alive() and not answers
        client.connection_pool.release(held)
        caller.join(10)
        assert answers == [True]


def test_twenty_callers_share_four_connections(example: ModuleType, redis_url: str) -> None:
    with example.connect(redis_url, size=4) as client:
        client.ping()
        assert example.connections_for(client, 20) == 4


def test_idle_pool_knocks_at_no_door(example: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:  # where nobody answers
        door.settimeout(0.1)
        with example.connect(f"redis://127.0.0.1:{door.getsockname()[1]}", retries=0) as client:
            with pytest.raises(redis.TimeoutError):
                client.ping()
            door.accept()[0].close()  # that one
            door.settimeout(3)
            with pytest.raises(TimeoutError):
                door.accept()


def test_pool_fits_cache_aside(example: ModuleType, own_server: Server) -> None:
    cache_aside = load(ROOT / "snippets/patterns/cache-aside/cache_aside.py")
    db = sqlite3.connect(":memory:")
    db.executescript(
        "CREATE TABLE users (id PRIMARY KEY, name, email); INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com')"
    )
    users = cache_aside.Users(example.connect(own_server.url), db)
    own_server.kill()
    assert users.get("1").name == "Ada"
    users.save(cache_aside.User("1", "Grace", "grace@example.com"))
    assert users.get("1").name == "Grace"
    assert users.stats["cache errors"] == 5
    own_server.start()
    assert [users.get("1").name, users.get("1").name] == ["Grace", "Grace"]
    assert users.stats["cache errors"] == 5


def test_commands_sent_while_redis_is_away_fail(example: ModuleType, own_server: Server) -> None:
    """A pool keeps none for later: each fails once its retries are used up. It connects anew when asked again."""
    with example.connect(own_server.url) as client:
        client.ping()
        own_server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("demo:pool")
        own_server.start()
        assert client.get("demo:pool") is None
