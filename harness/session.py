"""The pytest plugin of the course: the Redis that a session shares, the order of its tests, and its ledger.

It runs the tests and writes down what came out. What tests rest on are the fixtures in tests/conftest.py.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import redis
from xdist.scheduler import LoadScopeScheduling

from harness import differences, foreign, record, toolchain
from harness.elsewhere import MEANS, Elsewhere
from harness.shared import RefusedError, SharedRedis, shared_redis
from harness.targets import CLUSTER, TARGETS, SharedCluster, Target
from publish.sources import closure, ledger

ROOT = Path(__file__).resolve().parent.parent


server: SharedRedis | SharedCluster
recorder: record.Recorder
elsewhere: Elsewhere | None = None  # where the session runs on a target, not on the wheel's Redis


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a session run on another server."""
    parser.addoption("--on", choices=list(TARGETS), help="a server: run there what has no mark of it")


def turn_elsewhere(target: Target) -> None:
    """Let all servers of this session, and of what it starts, be those of a target."""
    global elsewhere
    if target.binary is None:
        pytest.exit(target.absence, returncode=4)
    os.environ["REDIS_SERVER"] = target.binary
    os.environ.pop("REDIS_URL", None)
    elsewhere = Elsewhere(ROOT, target, bool(os.environ.get("ALL")))


def pytest_configure(config: pytest.Config) -> None:
    """Start the session's Redis before anything else: a wrong one must be refused before a test runs."""
    global server, recorder
    recorder = record.Recorder(ROOT, writes=not hasattr(config, "workerinput"))
    if config.option.collectonly:
        return
    # A signal ends the run so that servers stop, also where a shell in the background has it ignored.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", returncode=143))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.on:
        turn_elsewhere(TARGETS[config.option.on])
    if os.environ.get("REDIS_URL") and getattr(config.option, "numprocesses", None):
        pytest.exit("REDIS_URL names one Redis, which several processes would empty under each other: "
                    "say --numprocesses 0.", returncode=4)  # fmt: skip
    try:
        server = SharedCluster() if config.option.on == CLUSTER.name else shared_redis()
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
    """Run first what takes long, then the examples, then what checks the press, and what needs the built site last.

    A long test that started last would leave the other processes without work.
    """
    if elsewhere:
        items[:] = elsewhere.select(items, recorder)
    last = [ROOT / "tests" / "publish", ROOT / "tests" / "site"]

    def turn(item: pytest.Item) -> tuple[bool, int]:
        folder = next((i for i, folder in enumerate(last, 1) if folder in item.path.parents), 0)
        return item.get_closest_marker("long") is None, folder

    items.sort(key=turn)


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
    subject = recorder.subject(item)
    if elsewhere:
        elsewhere.judge(report, subject)
    means = record.DIFFERS if hasattr(report, "wasxfail") else item.stash.get(MEANS, report.outcome)
    report.user_properties.append(("subject", (*subject, means)))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep each outcome for the ledger."""
    subject: Any = dict(report.user_properties).get("subject")
    if subject:  # else it is of a process that has crashed, which pytest says
        recorder.note(*subject)


changed: list[str] | None = None


def write_ledger(config: pytest.Config) -> list[str]:
    """Write the ledger once: after a run on our wheel's Redis that left out no test of the files it was given."""
    global changed
    if changed is None and not hasattr(config, "workerinput"):
        whole = not record.is_selection(config.option, config.args)
        if whole and elsewhere:
            changed = recorder.mark(elsewhere.target.name, server.version)
        else:
            changed = recorder.write(server.version) if whole and server.origin.endswith("the wheel") else []
    return changed or []


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the ledger unless the run was broken off; under CI a difference from the committed one is a failure."""
    finished = "server" in globals() and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    wrong = finished and write_ledger(session.config) and os.environ.get("CI")
    if wrong or (elsewhere and elsewhere.holding(recorder)):
        session.exitstatus = session.exitstatus or 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and what happened to the ledger, a line each."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for tool, (_, how) in toolchain.TOOLS.items():
        if count := sum(f"no {tool};" in reason for reason in skipped):
            terminalreporter.line(f"Left out {count} tests: no {tool}. Get it: {how}", yellow=True)
    if elsewhere:
        for one in elsewhere.holding(recorder):
            on = elsewhere.target.name
            terminalreporter.line(f"{one} holds on {on}: take it out of {differences.FILE}", red=True)
    if changed and os.environ.get("CI"):
        command = "make test-full" if elsewhere else "make test"
        terminalreporter.line(
            f"The ledger differs from what ran: {', '.join(changed)}. Run `{command}`, commit.", red=True
        )
    elif not elsewhere and "server" in globals() and not server.origin.endswith("the wheel"):
        terminalreporter.line("The ledger was left as it is: only a run on the wheel's Redis writes it.")
    elif changed:
        terminalreporter.line(f"The ledger has new rows: {', '.join(changed)}. Commit {ledger.FILE}.")


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
def copy(tmp_path: Path) -> Path:
    """A copy of this repository's files to change, in a path with a space."""
    target = tmp_path / "the course"
    ignore = shutil.ignore_patterns(".*", "node_modules", "site", "bin", "obj", "__pycache__")
    shutil.copytree(ROOT, target, ignore=ignore)
    shutil.copy(ROOT / closure.STYLE, target)
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
    command = [sys.executable, "-m", "publish.site", "build", "--target", str(target), "--left"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return target
