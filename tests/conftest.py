"""What every test can ask for beside the session's Redis: a server of its own to kill, a cluster, TLS, its example."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.load import load
from harness.servers import Cluster, Server, shared_cluster
from harness.tls import TlsRedis, shared_tls

ROOT = Path(__file__).resolve().parent.parent
SNIPPETS = ROOT / "snippets"
pytest_plugins = ["harness.session"]  # it runs the tests; they rest on what stands here


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server of this test's own, to kill, freeze or reconfigure."""
    own = Server()
    yield own
    own.stop()


@pytest.fixture
def readers_redis(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Redis that REDIS_URL names, with data in two databases: it must still be there when the test ends."""
    clients = [redis.Redis.from_url(own_server.url, db=number) for number in (0, 3)]
    for client in clients:
        client.set("precious", "1")
    monkeypatch.setenv("REDIS_URL", own_server.url)
    yield own_server
    assert [client.get("precious") for client in clients] == [b"1", b"1"]
    stats = clients[0].info("commandstats").keys()
    assert not stats & {"cmdstat_flushall", "cmdstat_flushdb", "cmdstat_config|set"}
    assert {name: found["keys"] for name, found in clients[0].info("keyspace").items()} == {"db0": 1, "db3": 1}


@pytest.fixture
def one_node_cluster() -> Iterator[Server]:
    """A cluster of this test's own: one node that owns all slots, and checks them as any cluster does."""
    own = Server("--cluster-enabled", "yes")
    try:
        own.take_all_slots()
        yield own
    finally:
        own.stop()


@pytest.fixture
def cluster() -> Cluster:
    """A cluster of two shards with nothing in it."""
    cluster = shared_cluster()
    cluster.flush()
    return cluster


@pytest.fixture
def tls_redis() -> TlsRedis:
    """A Redis behind TLS, as Azure has it: with a password, and a cluster of one node, with nothing in it."""
    shared = shared_tls()
    shared.flush()
    return shared


@pytest.fixture(scope="module")
def example(request: pytest.FixtureRequest) -> ModuleType:
    """The snippet that lies where this test lies: tests/P/test_NAME.py proves snippets/P/NAME.py."""
    test = Path(request.path).relative_to(ROOT / "tests")
    return load(SNIPPETS / test.with_name(test.name.removeprefix("test_")))


@pytest.fixture
def run() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Runs a coroutine to its end; all of a test's run on one event loop."""
    with asyncio.Runner() as runner:
        yield runner.run
