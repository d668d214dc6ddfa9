"""Nobody loses data to a test: a Redis that we did not start is used only where it is empty, and only emptied so far.

The helpers in C# and Node.js are held to the same in the files beside this one.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

import benchmarks.__main__ as bench
from benchmarks import rows
from harness.servers import Server, free_port
from harness.shared import RefusedError, SharedRedis
from practice import exercise
from practice.demo_write_behind import eventually
from publish.sources import ledger

ROOT = Path(__file__).resolve().parents[2]
QUICK = "tests/patterns/cache-aside/test_naive.py"


def pytest_on(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the quickest test file on the Redis that a reader names."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", QUICK, *arguments]
    env = {**os.environ, "REDIS_URL": url}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)


@contextlib.contextmanager
def server(*options: str, key_in: int | None = None) -> Iterator[Server]:
    """Give a server that is started with these options, with a key in one database."""
    own = Server(*options)
    try:
        if key_in is not None:
            with redis.Redis.from_url(own.url, db=key_in) as client:
                client.set("precious", "1")
        yield own
    finally:
        own.stop()


@contextlib.contextmanager
def replica(of_the_pair: str) -> Iterator[Server]:
    """Give one server of a pair."""
    with (
        server("--repl-diskless-sync-delay", "0") as primary,
        server("--replicaof", "127.0.0.1", str(primary.port)) as copy,
    ):
        with redis.Redis.from_url(copy.url) as client:
            eventually(lambda: client.info("replication")["master_link_status"] == "up", "the two are connected")
        yield primary if of_the_pair == "primary" else copy


@contextlib.contextmanager
def with_password() -> Iterator[Server]:
    """Give a server that wants a password."""
    with server() as own:
        with redis.Redis.from_url(own.url) as client:
            client.config_set("requirepass", "secret")
        yield own


Given = Callable[[], contextlib.AbstractContextManager[Server]]
REFUSED: dict[str, tuple[Given, str, str]] = {
    "key in its database": (lambda: server(key_in=0), "", "holds 1 key in database 0; the tests flush it"),
    "key in another": (lambda: server(key_in=3), "", "holds 1 key in database 3; the tests flush it"),
    "key in database 0, another named": (lambda: server(key_in=0), "/1", "holds 1 key in database 0"),
    "key in database 0, another named in the query": (lambda: server(key_in=0), "?db=1", "holds 1 key in database 0"),
    "a database named": (server, "/1", "names a database; the tests write to database 0, so leave its number out"),
    "wants a password": (with_password, "", "wants a password; the tests know none"),
    "cluster": (lambda: server("--cluster-enabled", "yes"), "", "in cluster mode"),
    "primary": (lambda: replica("primary"), "", "has replicas; the tests want one that stands alone"),
    "replica": (lambda: replica("replica"), "", "is a replica; the tests want one that stands alone"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_redis_of_a_reader_that_others_may_need_is_refused(name: str) -> None:
    given, suffix, said = REFUSED[name]
    with given() as own, pytest.raises(RefusedError, match=said):
        SharedRedis(own.url + suffix)


@pytest.mark.parametrize("url", ["rediss://cache.example:6380", "redis://:secret@127.0.0.1:6379", "unix:///tmp/r.sock"])
def test_address_with_tls_or_a_password_is_refused_unasked(url: str) -> None:
    with pytest.raises(RefusedError, match=r"is no plain address like redis://127.0.0.1:6379: the tests use neither"):
        SharedRedis(url)


@pytest.mark.parametrize("suffix", ["", "/1", "/3"])
def test_run_on_a_redis_with_keys_anywhere_is_refused_before_anything_is_written(
    readers_redis: Server, suffix: str
) -> None:
    result = pytest_on(readers_redis.url + suffix)
    assert result.returncode == 4
    assert (
        "REDIS_URL names a Redis that holds 1 key in database 0 and 1 key in database 3; the tests flush it, so they "
        "refuse it. Name another one, or unset REDIS_URL."
    ) in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_run_on_a_redis_that_does_not_answer_is_one_sentence() -> None:
    result = pytest_on(f"redis://127.0.0.1:{free_port()}")
    assert result.returncode == 4
    assert "REDIS_URL names a Redis that does not answer" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_processes_that_would_empty_one_redis_under_each_other_are_refused(own_server: Server) -> None:
    result = pytest_on(own_server.url, "--numprocesses", "2")
    assert result.returncode == 4
    assert "say --numprocesses 0" in result.stderr


def test_empty_redis_of_a_reader_is_used_and_writes_no_ledger(own_server: Server) -> None:
    before = (ROOT / ledger.FILE).read_text("utf-8")
    result = pytest_on(own_server.url)
    assert result.returncode == 0, result.stdout
    assert (ROOT / ledger.FILE).read_text("utf-8") == before


def test_what_a_reader_puts_into_another_database_meanwhile_stays(own_server: Server) -> None:
    shared = SharedRedis(own_server.url)
    for number in (0, 1):
        with redis.Redis.from_url(own_server.url, db=number) as client:
            client.set("late", "1")
    shared.flush()
    with redis.Redis.from_url(own_server.url) as client:
        assert client.info("keyspace").keys() == {"db1"}


@pytest.mark.parametrize(
    "command",
    ["FLUSHALL", "CONFIG SET maxmemory 1", "CONFIG RESETSTAT", "SHUTDOWN NOSAVE", "DEBUG SLEEP 0", "SELECT 1",
     "SWAPDB 0 1", "MOVE a 1", "COPY a b DB 1", "SCRIPT FLUSH", "FUNCTION FLUSH", "CLIENT PAUSE 1",
     "CLIENT KILL TYPE normal", "REPLICAOF NO ONE", "ACL SETUSER default +@all"],
)  # fmt: skip
def test_shared_redis_refuses_what_a_readers_must_not_be_sent(redis_url: str, command: str) -> None:
    """So no test can send it to one: what the tests send to the one that we start, they may send to any."""
    if os.environ.get("REDIS_URL"):
        pytest.skip("the Redis of this run is a reader's; nothing of this is sent to it")
    with (
        redis.Redis.from_url(redis_url) as client,
        pytest.raises(redis.ResponseError, match=r"has no permissions|not allowed"),
    ):
        client.execute_command(*command.split())


def test_exercise_does_not_touch_the_redis_that_redis_url_names(readers_redis: Server, tmp_path: Path) -> None:
    """Whatever the student's file does: this one empties what REDIS_URL names as it is loaded."""
    solution = (ROOT / "snippets/exercises/cache-aside/solution.py").read_text("utf-8")
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "1-cache-aside.py").write_text(
        f"{solution}\nimport os\nredis.Redis.from_url(os.environ['REDIS_URL']).flushall()\n", "utf-8"
    )
    exercise.main(["1"], tmp_path)


def test_benchmarks_do_not_touch_the_redis_that_redis_url_names(
    readers_redis: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(bench, "IDLE", float("inf"))
    monkeypatch.setattr(bench, "ROWS", [row for row in rows.ROWS if row.id == "batch-get"])
    monkeypatch.setattr(rows, "ROUNDS", 2)
    monkeypatch.setattr(rows, "SHORTEST", 1e-6)
    bench.main()
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["rows"]["batch-get"]["variants"]


def test_csharp_classes_that_run_beside_others_keep_off_the_shared_redis() -> None:
    files = [file for file in (ROOT / "tests").rglob("*Tests.cs") if "[Collection(" in file.read_text("utf-8")]
    assert files
    assert [file.name for file in files if re.search("Flushed(Session|Cluster)", file.read_text("utf-8"))] == []
