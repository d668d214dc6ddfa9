"""A cluster of two shards, in Python."""

import sqlite3
import time
from collections.abc import Iterator
from types import ModuleType

import pytest
import redis
from redis.exceptions import ClusterDownError, RedisClusterException

from harness.servers import Cluster

IDS = [str(number) for number in range(20)]


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)")
    db.executemany("INSERT INTO users VALUES (?, 'Ada', 'ada@example.com')", [(user_id,) for user_id in IDS])
    return db


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    own = Cluster()
    yield own
    own.stop()


def test_cluster_client_reaches_both_shards(example: ModuleType, cluster: Cluster, db: sqlite3.Connection) -> None:
    users = example.Users(example.connect(cluster.url), db)
    for user_id in IDS * 2:
        assert users.get(user_id) == f'{{"id":"{user_id}","name":"Ada","email":"ada@example.com"}}'
    assert users.stats == {"database reads": 20}  # the second round came from the cache, and nothing failed
    assert [redis.Redis.from_url(shard.url).dbsize() for shard in cluster.shards] == [8, 12]


def test_dead_shard_costs_only_its_own_keys(example: ModuleType, own_cluster: Cluster, db: sqlite3.Connection) -> None:
    users = example.Users(example.connect(own_cluster.url), db)
    for user_id in IDS:
        users.get(user_id)
    own_cluster.shards[1].kill()
    for user_id in IDS:
        assert users.get(user_id)
    assert users.stats == {"database reads": 32, "cache errors": 24}  # GET and SET of 12 keys


def test_clusterdown_is_counted_as_an_outage(example: ModuleType, own_cluster: Cluster, db: sqlite3.Connection) -> None:
    """A shard that stays dead takes the whole cluster down: by default it serves all slots or none."""
    users = example.Users(example.connect(own_cluster.url), db)
    with redis.Redis.from_url(own_cluster.url) as survivor:
        survivor.config_set("cluster-node-timeout", 200)
        own_cluster.shards[1].kill()
        deadline = time.monotonic() + 20
        while survivor.cluster("INFO")["cluster_state"] == "ok":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(ClusterDownError):
            survivor.get("cache:user:2")  # a key of its own
    for user_id in IDS:
        assert users.get(user_id)
    assert users.stats == {"database reads": 20, "cache errors": 40}


def test_redis_py_cluster_client_needs_a_node_at_start(example: ModuleType) -> None:
    with pytest.raises(RedisClusterException):
        example.connect("redis://127.0.0.1:1")
