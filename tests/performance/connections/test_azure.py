"""What the connections page claims of its connection to Azure Managed Redis, on a server like it."""

import socket
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis.exceptions import RedisClusterException

from harness.load import load
from harness.servers import Cluster, Server
from harness.tls import KEY, NAME, TlsRedis

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.fixture
def url(tls_redis: TlsRedis, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its URL, by a name as on Azure: redis-py turns `localhost`, and no other name, into an address."""
    resolve = socket.getaddrinfo

    def resolve_name(host: Any, *rest: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == NAME else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_name)
    return tls_redis.url.replace("localhost", NAME)


def test_connects_over_tls_to_a_cluster_by_its_name(example: ModuleType, url: str, tls_redis: TlsRedis) -> None:
    before = tls_redis.accepted
    with example.connect(url, KEY, ca=tls_redis.ca) as client:
        for number in range(20):  # over many slots
            assert client.set(f"demo:azure:{number}", "hello", ex=60)
        assert client.get("demo:azure:7") == "hello"
        announced = client.execute_command("CLUSTER SLOTS", target_nodes="random")
        assert "127.0.0.1" in str(announced)  # an address that the certificate lacks
    assert tls_redis.accepted > before


def test_url_without_a_port_means_10000_and_its_login_counts(
    example: ModuleType, tls_redis: TlsRedis, url: str
) -> None:
    single = example.connect("rediss://ada:s%40crt@[::1]", cluster=False)
    options = single.connection_pool.connection_kwargs
    assert [options[name] for name in ("host", "port", "username", "password")] == ["::1", 10000, "ada", "s@crt"]
    with example.connect(url.replace("//", f"//:{KEY}@"), ca=tls_redis.ca) as client:
        assert client.ping()


def test_certificate_for_another_name_is_refused(example: ModuleType, tls_redis: TlsRedis) -> None:
    with pytest.raises(RedisClusterException, match="IP address mismatch"):
        example.connect(tls_redis.wrong_name, KEY, ca=tls_redis.ca).ping()


def test_unknown_authority_is_refused(example: ModuleType, url: str, tls_redis: TlsRedis) -> None:
    with pytest.raises(RedisClusterException, match="certificate verify failed"):
        example.connect(url, KEY).ping()


def test_wrong_access_key_is_refused(example: ModuleType, url: str, tls_redis: TlsRedis) -> None:
    with pytest.raises(RedisClusterException, match="invalid username-password"):
        example.connect(url, "wrong", ca=tls_redis.ca).ping()


def test_azure_client_fits_cache_aside(example: ModuleType, own_server: Server) -> None:
    cache_aside = load(ROOT / "snippets/patterns/cache-aside/cache_aside.py")
    cluster = Cluster(1)
    for client, server in (
        (example.connect(own_server.url, cluster=False), own_server),
        (example.connect(cluster.url), cluster.shards[0]),
    ):
        db = sqlite3.connect(":memory:")
        db.executescript(
            "CREATE TABLE users (id PRIMARY KEY, name, email); INSERT INTO users VALUES ('1', 'Ada', 'a@b')"
        )
        users = cache_aside.Users(client, db)
        assert [users.get("1").name, users.get("1").name] == ["Ada", "Ada"]
        assert users.stats == {"database reads": 1}
        server.kill()
        assert users.get("1").name == "Ada"
        users.save(cache_aside.User("1", "Grace", "grace@example.com"))
        assert users.get("1").name == "Grace"
        assert users.stats["cache errors"] == 5
    cluster.stop()


def test_python_cluster_client_does_not_start_without_its_cluster(example: ModuleType) -> None:
    with pytest.raises(RedisClusterException, match="cannot be connected"):
        example.connect("redis://127.0.0.1:1")
