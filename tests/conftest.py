"""What every test can ask for: a flushed Redis, a server of its own to kill, the example it proves, the built site."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis
from xdist.scheduler import LoadScopeScheduling

from harness import foreign, record, toolchain
from harness.load import load
from harness.servers import Cluster, Server, shared_cluster
from harness.shared import RefusedError, SharedRedis, shared_redis
from harness.tls import TlsRedis, shared_tls

ROOT = Path(__file__).resolve().parent.parent
SNIPPETS = ROOT / "snippets"


server: SharedRedis
recorder = record.Recorder(ROOT)


def pytest_configure(config: pytest.Config) -> None:
    """Start the session's Redis before anything else: a wrong one must be refused before a test runs."""
    global server
    if config.option.collectonly:
        return
    # A signal ends the run so that servers stop, also where a shell in the background has it ignored.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", returncode=143))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("REDIS_URL") and getattr(config.option, "numprocesses", None):
        pytest.exit("REDIS_URL names one Redis, which several processes would empty under each other: "
                    "say --numprocesses 0.", returncode=4)  # fmt: skip
    try:
        server = shared_redis()
    except RefusedError as error:
        pytest.exit(f"REDIS_URL {error}, so they refuse it. Name another one, or unset REDIS_URL.", returncode=4)
    except (redis.ConnectionError, ValueError) as error:
        pytest.exit(f"REDIS_URL names a Redis that does not answer: {error}", returncode=4)


def pytest_report_header() -> str:
    """Say which Redis the tests run on."""
    return f"redis-server {server.version}, {server.origin}, {server.url}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the tests in other languages."""
    return foreign.collect_file(file_path, parent)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the examples first, then what checks the press, and what needs the built site last."""
    last = [ROOT / "tests" / "publish", ROOT / "tests" / "site"]
    items.sort(key=lambda item: next((i for i, folder in enumerate(last, 1) if folder in item.path.parents), 0))


class Scheduling(LoadScopeScheduling):
    """Gives tests that share a build or a run to one process, the largest share first."""

    def _split_scope(self, nodeid: str) -> str:
        return foreign.share(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Schedule by shares where that is asked for. (xdist's own groups do not reach it under pytest 9.2.)"""
    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Tell the ledger which tests do not run."""
    for item in items:
        recorder.leave_out(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say on each outcome whose it is, for the ledger: what one process saw, another may write down."""
    report = yield
    report.user_properties.append(("subject", recorder.subject(item)))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep each outcome for the ledger."""
    subject: Any = dict(report.user_properties)["subject"]
    recorder.note(subject[0], subject[1], report.outcome)


changed: list[str] | None = None


def write_ledger(config: pytest.Config) -> list[str]:
    """Write the ledger once: after a run on our wheel's Redis that left out no test of the files it was given."""
    global changed
    if changed is None and not hasattr(config, "workerinput"):
        counts = server.origin.endswith("the wheel") and not record.is_selection(config.option, config.args)
        changed = recorder.write(server.version) if counts else []
    return changed or []


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the ledger unless the run was broken off; under CI a difference from the committed one is a failure."""
    finished = "server" in globals() and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if finished and write_ledger(session.config) and os.environ.get("CI") and exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and what happened to the ledger, a line each."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for tool, (_, how) in toolchain.TOOLS.items():
        if count := sum(f"no {tool};" in reason for reason in skipped):
            terminalreporter.line(f"Left out {count} tests: no {tool}. Get it: {how}", yellow=True)
    if changed and os.environ.get("CI"):
        terminalreporter.line(
            f"The ledger differs from what ran: {', '.join(changed)}. Run `make test`, commit.", red=True
        )
    elif "server" in globals() and not server.origin.endswith("the wheel"):
        terminalreporter.line("The ledger was left as it is: only a run on the wheel's Redis writes it.")
    elif changed:
        terminalreporter.line(f"The ledger has new rows: {', '.join(changed)}. Commit ledger.json.")


def pytest_unconfigure() -> None:
    """Stop the session's Redis."""
    if "server" in globals() and server.own:
        server.own.stop()


@pytest.fixture
def redis_url() -> str:
    """The URL of a real Redis with nothing in it."""
    try:
        server.flush()
    except redis.ConnectionError as error:
        pytest.exit(f"The Redis of this run, {server.url}, has died: {error} Run the tests again.", returncode=3)
    return server.url


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
def copy(tmp_path: Path) -> Path:
    """A copy of this repository's files to change, in a path with a space."""
    target = tmp_path / "the course"
    ignore = shutil.ignore_patterns(".*", "node_modules", "site", "bin", "obj", "__pycache__")
    shutil.copytree(ROOT, target, ignore=ignore)
    (target / "node_modules").symlink_to(ROOT / "node_modules")
    (target / ".venv").symlink_to(ROOT / ".venv")
    return target


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The site, built strictly from what was just proved; once for all processes that run tests at once."""
    write_ledger(pytestconfig)
    parallel = hasattr(pytestconfig, "workerinput")
    target = tmp_path_factory.getbasetemp().parent / "site" if parallel else tmp_path_factory.mktemp("built") / "site"
    try:
        Path(f"{target}.begun").mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 120
        while not target.exists():  # it appears when it is whole
            assert time.monotonic() < deadline, "the other process has not built the site"
            time.sleep(0.1)
        return target
    command = [sys.executable, "-m", "publish.site", "build", "--target", str(target)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return target
