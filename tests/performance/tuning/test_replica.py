"""What the tuning page claims of replicas, on two servers of its own."""

import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server


class Pair:
    """A primary and its replica, in step."""

    def __init__(self) -> None:
        self.primary, self.replica = Server("--repl-diskless-sync-delay", "0"), Server()
        self.to_primary = redis.Redis.from_url(self.primary.url, decode_responses=True)
        self.to_replica = redis.Redis.from_url(self.replica.url, decode_responses=True)
        self.to_replica.replicaof("127.0.0.1", str(self.primary.port))
        self.until(lambda: self.to_replica.info("replication")["master_link_status"] == "up")

    def until(self, true: Any) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def cut(self) -> None:
        """Let the primary refuse its replica, so that what is written now does not reach it."""
        self.to_primary.config_set("requirepass", "changed")
        self.to_primary.client_kill_filter(_type="replica")
        self.until(lambda: self.to_replica.info("replication")["master_link_status"] == "down")


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.primary.stop()
    pair.replica.stop()


@pytest.fixture
def reader(example: ModuleType, pair: Pair) -> Any:
    return example.Reader(example.connect(pair.primary.url), example.connect(pair.replica.url))


def test_replica_may_answer_with_an_old_value(pair: Pair, reader: Any) -> None:
    assert reader.set("demo:price", "old", 60, replicas=1) == 1
    pair.cut()
    pair.to_primary.set("demo:price", "new")
    assert reader.get("demo:price") == "old"
    reader.primary = pair.to_primary
    assert reader.get("demo:price", may_be_old=False) == "new"


def test_write_says_how_many_replicas_have_it(pair: Pair, reader: Any) -> None:
    assert reader.set("demo:price", "1", 60, replicas=1) == 1
    assert pair.to_replica.get("demo:price") == "1"
    pair.replica.kill()
    assert reader.set("demo:price", "2", 60, replicas=1) == 0  # the write stands, on the primary alone
    assert pair.to_primary.get("demo:price") == "2"


def test_replica_refuses_writes(pair: Pair) -> None:
    with pytest.raises(redis.ReadOnlyError):
        pair.to_replica.set("demo:price", "1")


def test_replica_with_a_wrong_password_is_an_error(pair: Pair, reader: Any) -> None:
    pair.to_replica.config_set("requirepass", "changed")
    with pytest.raises(redis.AuthenticationError):
        reader.get("demo:price")
    assert reader.stats["replica errors"] == 0


def test_primary_answers_where_the_replica_is_down(pair: Pair, reader: Any) -> None:
    reader.set("demo:price", "1", 60)
    pair.replica.kill()
    assert reader.get("demo:price") == "1"
    assert reader.stats["replica errors"] == 1
