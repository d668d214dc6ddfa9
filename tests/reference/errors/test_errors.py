"""That each error of the table comes from what the page says, and that what the page advises mends it."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Cluster, Server


@pytest.fixture
def cache(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def raw(url: str, command: str) -> str:
    """Return what Redis itself answers to a command, before a client makes an error of it."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10) as connection:
        answers = connection.makefile("rb")
        connection.sendall(f"{command}\r\n".encode())  # an inline command: words on a line
        return answers.readline().decode().strip()


def test_wrong_type_is_what_a_list_command_on_a_string_gets(example: ModuleType, cache: redis.Redis) -> None:
    assert example.wrong_type(cache).startswith("ResponseError: WRONGTYPE Operation against a key holding the wrong")
    assert cache.get("demo:text") == "Ada"  # nothing was changed


def test_busygroup_means_that_the_group_is_there(example: ModuleType, cache: redis.Redis, redis_url: str) -> None:
    assert example.group_exists(cache) == "ResponseError: BUSYGROUP Consumer Group name already exists"
    assert not cache.exists("stream:demo")


def test_noscript_means_that_redis_does_not_know_the_script(example: ModuleType, own_server: Server) -> None:
    cache = redis.Redis.from_url(own_server.url)
    assert example.unknown_script(cache).startswith("NoScriptError: No matching script")
    assert raw(own_server.url, f"EVALSHA {'0' * 40} 0").startswith("-NOSCRIPT")
    script = cache.register_script("return 1")
    assert script() == 1
    cache.script_flush()
    assert script() == 1  # redis-py loads it again


def test_moved_names_the_slot_and_the_node(example: ModuleType, cluster: Cluster) -> None:
    name, slot, address = example.moved(cluster.url).split()
    assert name == "MovedError:" and 0 <= int(slot) < 16384
    assert address == cluster.shards[1].url.removeprefix("redis://")
    answers = [raw(cluster.url, f"SET demo:{number} x") for number in range(20)]
    assert any(answer.startswith("-MOVED ") for answer in answers)


def test_cluster_client_follows_moved(cluster: Cluster) -> None:
    client = redis.RedisCluster.from_url(cluster.url)
    assert all(client.set(f"demo:{number}", "x") for number in range(20))
    client.close()


def test_crossslot_refuses_keys_of_two_slots(example: ModuleType, cluster: Cluster) -> None:
    assert example.cross_slot(cluster.url) == "ClusterCrossSlotError: Keys in request don't hash to the same slot"
    assert raw(cluster.url, "MGET demo:ada demo:grace").startswith("-CROSSSLOT ")


def test_hash_tag_puts_keys_into_one_slot(cluster: Cluster) -> None:
    client = redis.RedisCluster.from_url(cluster.url)
    with pytest.raises(redis.exceptions.RedisClusterException, match="same key slot"):
        client.mget("demo:ada", "demo:grace")
    assert client.mget("demo:{user:1}:a", "demo:{user:1}:b") == [None, None]
    client.close()


def test_out_of_memory_refuses_writes_and_serves_reads(example: ModuleType, own_server: Server) -> None:
    cache = redis.Redis.from_url(own_server.url, decode_responses=True)
    cache.set("demo:text", "Ada")
    assert example.out_of_memory(cache).startswith("OutOfMemoryError: command not allowed when used memory >")
    with example.setting(cache, "maxmemory", "1"):
        assert raw(own_server.url, "SET demo:more x").startswith("-OOM ")
        assert cache.get("demo:text") == "Ada"
    assert cache.set("demo:more", "x") is True  # the setting is put back


def test_no_password_is_noauth(example: ModuleType, own_server: Server) -> None:
    url = own_server.url
    cache = redis.Redis.from_url(url, decode_responses=True)
    assert example.no_password(cache, url) == "AuthenticationError: Authentication required."
    assert redis.Redis.from_url(url).ping()  # the setting is put back
    cache.config_set("requirepass", "secret")
    assert raw(url, "PING") == "-NOAUTH Authentication required."
    with pytest.raises(redis.AuthenticationError, match="HELLO must be called with the client already auth"):
        redis.Redis.from_url(url).ping()  # by RESP3, which is redis-py's default
    assert redis.Redis.from_url(url, password="secret").ping()


def test_wrong_password_is_wrongpass(own_server: Server) -> None:
    url = own_server.url
    redis.Redis.from_url(url).config_set("requirepass", "secret")
    assert raw(url, "AUTH wrong").startswith("-WRONGPASS ")
    with pytest.raises(redis.AuthenticationError, match="invalid username-password pair"):
        redis.Redis.from_url(url, password="wrong").ping()


def test_exhausted_pool_is_an_error_at_once(example: ModuleType, redis_url: str) -> None:
    started = time.monotonic()
    assert example.pool_exhausted(redis_url) == "MaxConnectionsError: Too many connections"
    assert time.monotonic() - started < 5


def test_blocking_pool_waits_for_a_connection(redis_url: str) -> None:
    pool: Any = redis.BlockingConnectionPool.from_url(redis_url, max_connections=1, timeout=0.2)
    taken = pool.get_connection()
    with pytest.raises(redis.ConnectionError, match="No connection available"):
        redis.Redis(connection_pool=pool).ping()
    pool.release(taken)
    assert redis.Redis(connection_pool=pool).ping()


def test_refused_means_that_nothing_listens_there(example: ModuleType) -> None:
    message = example.refused()
    assert message.startswith("ConnectionError: Error ") and message.endswith("Connection refused.")


def test_frozen_redis_is_a_timeout(own_server: Server) -> None:
    cache = redis.Redis.from_url(own_server.url, socket_timeout=0.2)
    cache.ping()
    own_server.freeze()
    with pytest.raises(redis.TimeoutError, match="Timeout reading from socket"):
        cache.ping()


def test_replica_refuses_a_write(own_server: Server) -> None:
    cache = redis.Redis.from_url(own_server.url)
    cache.replicaof("127.0.0.1", 1)
    with pytest.raises(redis.exceptions.ReadOnlyError, match="You can't write against a read only replica"):
        cache.set("demo:text", "x")
    assert raw(own_server.url, "SET demo:text x").startswith("-READONLY ")


def test_loading_redis_answers_when_it_is_ready(own_server: Server) -> None:
    cache = redis.Redis.from_url(own_server.url)
    with cache.pipeline(transaction=False) as pipeline:
        for number in range(1000):
            pipeline.set(f"demo:{number}", os.urandom(1024))  # which no compression makes smaller
        pipeline.execute()
    cache.save()
    own_server.kill()
    # 20 ms a key, so it loads for 20 s unless told otherwise; and it looks at its clients after each key
    own_server.options = ("--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")
    own_server.start()
    assert raw(own_server.url, "GET demo:1").startswith("-LOADING ")
    with pytest.raises(redis.BusyLoadingError, match="loading the dataset in memory"):
        redis.Redis.from_url(own_server.url).get("demo:1")
    with redis.Redis.from_url(own_server.url) as admin:
        admin.config_set("key-load-delay", 0)  # now it hurries
    deadline, value = time.monotonic() + 20, None
    while value is None and time.monotonic() < deadline:
        with contextlib.suppress(redis.BusyLoadingError):
            value = redis.Redis.from_url(own_server.url).get("demo:1")
    assert isinstance(value, bytes) and len(value) == 1024
