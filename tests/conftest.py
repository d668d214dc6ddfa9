"""What every test can ask for: a flushed Redis, a server of its own to kill, and the example it proves."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import redis

from tests.servers import Server

ROOT = Path(__file__).resolve().parent.parent
SNIPPETS = ROOT / "snippets"


@pytest.fixture(scope="session")
def session_url() -> Iterator[str]:
    server = Server()
    yield server.url
    server.stop()


@pytest.fixture
def redis_url(session_url: str) -> str:
    """The URL of a real Redis with nothing in it."""
    with redis.Redis.from_url(session_url) as client:
        client.flushall()
    return session_url


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server of this test's own, to kill, freeze or reconfigure."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def example(request: pytest.FixtureRequest) -> ModuleType:
    """The snippet that lies where this test lies: tests/P/test_NAME.py proves snippets/P/NAME.py."""
    test = Path(request.path).relative_to(ROOT / "tests")
    path = SNIPPETS / test.with_name(test.name.removeprefix("test_"))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
