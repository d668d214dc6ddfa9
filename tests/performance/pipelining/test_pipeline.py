"""What the pipelining page claims."""

from types import ModuleType

import pytest
import redis

from harness.servers import Server

VALUES = {f"demo:{number}": f"value {number}" for number in range(1000)}


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


@pytest.fixture
def cluster_url(one_node_cluster: Server) -> str:
    return one_node_cluster.url


def test_1000_sets_need_few_server_reads(example: ModuleType, client: redis.Redis) -> None:
    before = example.reads(client)
    for key, value in VALUES.items():
        client.set(key, value)
    single = example.reads(client) - before
    before = example.reads(client)
    assert example.set_many(client, VALUES, 60) == []
    assert single >= 1000
    assert example.reads(client) - before < 100
    assert len(list(client.scan_iter())) == 1000


def test_one_bad_command_does_not_hide(example: ModuleType, client: redis.Redis) -> None:
    commands = [("SET", f"demo:{number}", "1") for number in range(999)]
    commands.insert(700, ("LPUSH", "demo:5", "1"))
    replies = dict(example.run(client, commands))
    failed = {command: str(reply) for command, reply in replies.items() if isinstance(reply, Exception)}
    assert list(failed) == [("LPUSH", "demo:5", "1")]
    assert "WRONGTYPE" in failed["LPUSH", "demo:5", "1"]
    assert len(list(client.scan_iter())) == 999  # those after it were applied


def test_nothing_is_sent_until_you_iterate(example: ModuleType, client: redis.Redis) -> None:
    replies = example.run(client, [("SET", "demo:1", "1")])
    assert list(client.scan_iter()) == []
    assert list(replies) == [(("SET", "demo:1", "1"), True)]
    assert len(list(client.scan_iter())) == 1


def test_lost_connection_ends_the_run(example: ModuleType, own_server: Server) -> None:
    client = redis.Redis.from_url(own_server.url)
    replies = example.run(client, [("SET", key, value) for key, value in VALUES.items()], size=10)
    answered = [next(replies)]
    own_server.kill()
    with pytest.raises(redis.ConnectionError):
        answered.extend(replies)
    assert len(answered) == 10  # the chunk that was complete
    with pytest.raises(redis.ConnectionError):
        example.set_many(client, VALUES, 60)


def test_set_many_names_the_keys_that_failed(example: ModuleType, own_server: Server) -> None:
    client = redis.Redis.from_url(own_server.url)
    client.config_set("maxmemory", 1)
    failed = example.set_many(client, VALUES, 60)
    assert sorted(failed) == sorted(VALUES)  # out of memory, each of them


def test_no_multi_is_sent_without_transaction(example: ModuleType, own_server: Server) -> None:
    client = redis.Redis.from_url(own_server.url)
    example.set_many(client, VALUES, 60)
    assert "cmdstat_multi" not in client.info("commandstats")
    with client.pipeline() as pipe:
        pipe.set("demo:1", "1")
        pipe.execute()
    assert client.info("commandstats")["cmdstat_multi"]["calls"] == 1


def test_bulk_write_sets_ttl(example: ModuleType, client: redis.Redis) -> None:
    example.set_many(client, VALUES, 60)
    assert all(30 < client.ttl(key) <= 60 for key in VALUES)


def test_mset_takes_the_ttl_away(client: redis.Redis) -> None:
    client.set("demo:1", "a", ex=60)
    client.mset({"demo:1": "b", "demo:2": "b"})
    assert client.ttl("demo:1") == client.ttl("demo:2") == -1


def test_many_reads_keep_their_order_and_gaps(example: ModuleType, client: redis.Redis) -> None:
    example.set_many(client, VALUES, 60)
    hostile = ["*", "demo:*", "ключ\n", "'; FLUSHALL", "x" * 10_000]
    found = example.get_many(client, [*VALUES, *hostile])
    assert found == VALUES | dict.fromkeys(hostile)


def test_cross_slot_handled(example: ModuleType, cluster_url: str) -> None:
    with redis.Redis.from_url(cluster_url) as plain:
        for command in (["MGET", *VALUES], ["MSET", "demo:1", "1", "demo:2", "2"]):
            with pytest.raises(redis.ResponseError, match="same slot"):
                plain.execute_command(*command)
    with redis.RedisCluster.from_url(cluster_url, decode_responses=True) as cluster:
        assert example.set_many(cluster, VALUES, 60) == []
        assert example.get_many(cluster, list(VALUES)) == VALUES


def test_multi_across_slots_is_refused(cluster_url: str) -> None:
    with redis.Redis.from_url(cluster_url) as plain, plain.pipeline(transaction=True) as pipe:
        pipe.set("demo:1", "1")
        pipe.set("demo:2", "2")
        with pytest.raises(redis.ResponseError, match="same slot"):
            pipe.execute()


def test_hash_tags_bring_keys_into_one_slot(cluster_url: str) -> None:
    with redis.Redis.from_url(cluster_url) as plain:
        plain.mset({"demo:{cart:1}:lines": "1", "demo:{cart:1}:total": "2"})
        assert plain.mget("demo:{cart:1}:lines", "demo:{cart:1}:total") == [b"1", b"2"]
