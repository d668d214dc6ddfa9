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
        assert users.get(user_id) == example.User(user_id, "Ada", "ada@example.com")
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


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_cluster_that_cannot_be_reached_costs_the_cache_only(
    example: ModuleType, own_cluster: Cluster, db: sqlite3.Connection, how: str
) -> None:
    """All nodes killed or frozen: RedisClusterException, which is no RedisError."""
    users = example.Users(example.connect(own_cluster.url), db)
    assert users.get("1")
    for shard in own_cluster.shards:
        getattr(shard, how)()
    started = time.monotonic()
    assert users.get("1").name == "Ada"
    assert time.monotonic() - started < 5  # GET and SET, and each asks both nodes for the map: 0.5 s each
    assert users.stats == {"database reads": 2, "cache errors": 2}


def test_value_of_another_file_is_read_rightly(example: ModuleType, cluster: Cluster, db: sqlite3.Connection) -> None:
    """Under the same key cache-aside leaves a marker, and anyone may leave anything."""
    users = example.Users(example.connect(cluster.url), db)
    users.cache.set("cache:user:1", "missing", ex=60)
    assert users.get("1") is None
    for count, corrupt in enumerate((b"\xff", "{", "NaN", "null", '{"id":"1"}'), 1):
        users.cache.set("cache:user:1", corrupt, ex=60)
        assert users.get("1").name == "Ada"
        assert users.stats["corrupt values"] == count


def test_redis_py_cluster_client_needs_a_node_at_start(example: ModuleType) -> None:
    with pytest.raises(RedisClusterException):
        example.connect("redis://127.0.0.1:1")
