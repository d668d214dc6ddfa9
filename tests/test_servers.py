"""The programs on other servers: what is published has run on each, what does not hold there is declared, and fails."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import pytest

import bootstrap
from harness import differences, full
from harness.elsewhere import Elsewhere, asks, some, unmarked
from harness.record import Recorder
from harness.redis_cli import replay
from harness.servers import Cluster, redis_server_binary
from harness.targets import HOOK_OF_NODE, HOOKS, TARGETS, Target, version
from publish.sources import ledger, snippets

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", TARGETS)
def test_every_program_has_run_as_it_is_on(name: str) -> None:
    target, found = TARGETS[name], unmarked(ROOT, TARGETS[name])
    if found and target.binary is None and not os.environ.get("CI"):
        pytest.skip(f"{len(found)} programs have not run on {name} as they are; {target.absence}")
    assert not found, f"not run on {name} as they are, so run `make test-full`: {some(found)}"


def test_what_is_declared_is_sound() -> None:
    assert differences.read(ROOT)[1] == []


TEST_FILE, RUN = "tests/shop/test_get", "snippets/shop/get"
ENTRY = """
- server: cluster
  says: CROSSSLOT
  reason: two keys
  tests:
    tests/shop/test_get.py: [it_reads]
"""
BAD = {  # name: the file, the line and the words of the fault
    "unknown server": (ENTRY.replace("cluster", "6.2"), 2, "no server is called 6.2; there are 7.4, Valkey 9"),
    "unknown file": (ENTRY.replace("get", "put"), 6, "tests/shop/test_put.py has no test it_reads"),
    "unknown test": (ENTRY.replace("it_reads", "it_sings"), 6, "tests/shop/test_get.py has no test it_sings"),
    "test of a program's run": (ENTRY.replace(TEST_FILE, RUN), 6, "has no test it_reads; a program has its `run`"),
    "run of tests": (ENTRY.replace("[it_reads]", "run"), 6, "tests/shop/test_get.py has no test prints what"),
    "no reason": (ENTRY.replace("  reason: two keys\n", ""), 2, "an entry lacks reason"),
    "empty words": (ENTRY.replace("CROSSSLOT", ""), 3, "says is empty"),
    "twice": (ENTRY * 2, 12, "tests/shop/test_get.py it_reads stands here twice for cluster"),
    "a chance that is none": (f"{ENTRY}  chance: perhaps\n", 7, "chance is true or false, not perhaps"),
    "names that are no list": (ENTRY.replace("[it_reads]", "it_reads"), 6, "tests/shop/test_get.py is no list"),
    "tests without a file": (ENTRY.replace(f"{TEST_FILE}.py: [it_reads]", "x"), 6, "tests names no files"),
    "no list": ("server: cluster\n", 1, "the list is no list"),
    "no YAML": ("- [\n", 2, "is not valid YAML"),
}  # fmt: skip


@pytest.fixture
def course(tmp_path: Path) -> Path:
    for path, text in {f"{RUN}.py": "a = 1\n", f"{TEST_FILE}.py": "def test_it_reads(): ...\n"}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text, "utf-8")
    return tmp_path


def test_sound_declaration(course: Path) -> None:
    (course / differences.FILE).write_text(ENTRY, "utf-8")
    expected = differences.Difference("cluster", "tests/shop/test_get.py", "it_reads", "CROSSSLOT", "two keys")
    assert differences.read(course) == ([expected], [])


@pytest.mark.parametrize("name", BAD)
def test_bad_declaration_is_refused_with_file_and_line(course: Path, name: str) -> None:
    text, line, said = BAD[name]
    (course / differences.FILE).write_text(text, "utf-8")
    faults = [str(fault) for fault in differences.read(course)[1]]
    assert any(fault.startswith(f"{differences.FILE}:{line}: ") and said in fault for fault in faults), faults
    with pytest.raises(SystemExit, match=differences.FILE):
        differences.declared(course)


class TestOutcomes:
    """What the outcomes of a session on a target mean, for a course of one program."""

    @pytest.fixture(autouse=True)
    def its_course(self, course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CI", raising=False)
        self.root, self.recorder = course, Recorder(course)
        snippet = snippets.read(course).files[0]
        versions = {"Redis": "8.2.3", **snippet.language.clients(snippet.text)}
        digest = ledger.Ledger(course).digest(snippet)
        row = ledger.Row(snippet.path, digest, "2026-01-01", versions)
        ledger.save(course, {row.path: row})

    def row(self) -> ledger.Row:
        return ledger.Ledger(self.root).rows[f"{RUN}.py"]

    def ran(self, outcome: str, version: str = "8.2.3") -> list[str]:
        """The program and its test run, and the test ends so."""
        self.recorder.outcomes = {f"{TEST_FILE}.py": {"it_reads": outcome}, f"{RUN}.py": {ledger.RUN: "passed"}}
        return self.recorder.mark("cluster", version)

    def declared(self) -> bool:
        """Tell whether the mark says what is declared."""
        return unmarked(self.root, TARGETS["cluster"]) == []

    def judged(self, outcome: Literal["passed", "failed"], said: str = "", entry: str = ENTRY) -> pytest.TestReport:
        """Return what becomes of the report of a test that is declared to say CROSSSLOT on a cluster."""
        (self.root / differences.FILE).write_text(entry, "utf-8")
        report = pytest.TestReport("a::b", ("a", 1, "b"), {}, outcome, said, "call")
        elsewhere = Elsewhere(self.root, TARGETS["cluster"], everything=False)
        elsewhere.judge(report, (f"{TEST_FILE}.py", "it_reads"))
        return report

    def test_what_ran_is_marked_with_the_version(self) -> None:
        assert not self.declared()
        assert self.ran("passed") == [f"{RUN}.py"]
        assert (self.row().servers, self.row().differs) == ({"cluster": "8.2.3"}, {})
        assert self.declared()
        assert self.ran("passed") == [], "and says the same again"
        assert self.row().date == "2026-01-01", "which is the day of the run on the wheel's Redis"

    def test_what_differs_is_marked_so_as_long_as_it_is_declared(self) -> None:
        self.ran("differs")
        assert self.row().differs == {"cluster": ["it_reads"]}
        assert not self.declared()
        (self.root / differences.FILE).write_text(ENTRY, "utf-8")
        assert self.declared()
        self.ran("passed")
        assert self.row().differs == {}
        assert not self.declared()

    def test_what_does_not_ask_the_server_needs_no_run(self) -> None:
        self.ran("independent")
        assert self.declared()

    @pytest.mark.parametrize("outcome", ["failed", "skipped"])
    def test_what_did_not_run_loses_its_mark(self, outcome: str) -> None:
        self.ran("passed")
        assert self.ran(outcome) == [f"{RUN}.py"]
        assert self.row().servers == {}

    @pytest.mark.parametrize("path", [f"{RUN}.py", f"{TEST_FILE}.py"])
    def test_a_mark_falls_off_when_the_code_changes(self, path: str) -> None:
        self.ran("passed")
        (self.root / path).write_text(f"{(self.root / path).read_text('utf-8')}changed = 1\n", "utf-8")
        assert not self.declared()
        assert self.ran("passed") == [], "these are not the files that ran"
        self.recorder.before = self.recorder.digests()
        assert self.ran("passed") == [], "and first they run on the wheel's Redis"
        self.recorder.write("8.2.3")
        assert self.row().servers == {}

    def test_a_run_on_the_wheels_redis_leaves_the_marks(self) -> None:
        self.ran("passed")
        assert self.recorder.write("8.2.3") == []
        assert self.recorder.write("8.2.4") == [f"{RUN}.py"]
        assert self.row().servers == {"cluster": "8.2.3"}

    def test_ci_wants_the_mark_to_be_committed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "true")
        assert self.ran("passed") == [f"{RUN}.py"]
        assert self.row().servers == {}

    def test_a_declared_test_must_fail_and_say_so(self) -> None:
        report = self.judged("failed", "it says CROSSSLOT")
        assert (report.outcome, report.wasxfail) == ("skipped", "two keys")
        report = self.judged("failed", "it says MOVED")
        assert report.outcome == "failed"
        assert "declares that it fails with 'CROSSSLOT'" in str(report.sections)
        assert self.judged("passed").outcome == "passed"

    @pytest.mark.parametrize(("outcome", "holding"), [("passed", [f"{TEST_FILE}.py it_reads"]), ("differs", [])])
    def test_a_declared_test_that_holds_is_said(self, outcome: str, holding: list[str]) -> None:
        (self.root / differences.FILE).write_text(ENTRY, "utf-8")
        self.ran(outcome)
        assert Elsewhere(self.root, TARGETS["cluster"], everything=True).holding(self.recorder) == holding

    @pytest.mark.parametrize("outcome", ["passed", "failed"])
    def test_what_chance_decides_may_hold_and_may_not(self, outcome: Literal["passed", "failed"]) -> None:
        report = self.judged(outcome, "it says CROSSSLOT", ENTRY + "  chance: true\n")
        assert (report.outcome, report.wasxfail.endswith("two keys")) == ("skipped", True)
        self.ran("passed")
        assert Elsewhere(self.root, TARGETS["cluster"], everything=True).holding(self.recorder) == []

    def test_what_chance_decides_fails_only_as_declared(self) -> None:
        assert self.judged("failed", "it says MOVED", ENTRY + "  chance: true\n").outcome == "failed"


@pytest.mark.parametrize(("text", "asked"), [("Server()", True), ("Cluster(3)", True), ("own_server", False)])
def test_who_starts_a_server_by_itself_asks_the_target(text: str, asked: bool, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(f"def test_x(): {text}\n", "utf-8")
    item = SimpleNamespace(path=tmp_path / "test_x.py", fixturenames=["tmp_path"])
    assert asks(cast(pytest.Item, item), TARGETS["7.4"]) is asked


PROGRAM, TESTS = "snippets/patterns/cache-aside/naive.py", "tests/patterns/cache-aside/test_naive.py"
TWO = """
import os
def test_it(redis_url): assert redis_url
def test_other(redis_url): assert "REDIS_SERVER" not in os.environ, "elsewhere"
"""


class TestSession:
    """A session on a target, which is the wheel's own Redis under another name, in a copy of the course."""

    @pytest.fixture(autouse=True)
    def its_copy(self, copy: Path) -> None:
        self.root = copy
        (copy / ledger.FILE).unlink()
        (copy / TESTS).write_text(TWO, "utf-8")
        entry = f'- {{server: "7.4", says: elsewhere, reason: x, tests: {{{TESTS}: [other]}}}}\n'
        (copy / differences.FILE).write_text(entry, "utf-8")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one program and its tests."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS, ledger.CONTRACT, *arguments]
        env = {**os.environ, "CI": "", "REDIS_74": redis_server_binary(), **environment}
        words = ["-k", "test_it or test_other or aside/naive"]
        return subprocess.run([*command, *words], cwd=self.root, env=env, capture_output=True, text=True, timeout=120)

    @pytest.mark.long
    def test_marks_what_ran_and_does_not_run_it_again(self) -> None:
        assert self.run().returncode == 0
        result = self.run("--on", "7.4")
        assert result.returncode == 0, result.stdout
        assert "1 xfailed" in result.stdout
        row = ledger.Ledger(self.root).rows[PROGRAM]
        assert (row.servers, row.differs) == ({"7.4": row.versions["Redis"]}, {"7.4": ["other"]})
        assert self.run("--on", "7.4").returncode == pytest.ExitCode.NO_TESTS_COLLECTED
        assert self.run("--on", "7.4", ALL="1", CI="true").returncode == 0, "and it says what the ledger says"
        (self.root / TESTS).write_text(TWO.replace("REDIS_SERVER", "no such thing"), "utf-8")
        assert self.run().returncode == 0
        result = self.run("--on", "7.4")
        assert result.returncode == 1
        assert f"{TESTS} other holds on 7.4: take it out of {differences.FILE}" in result.stdout

    def test_a_server_that_is_not_here_is_one_sentence(self) -> None:
        (self.root / ".venv").unlink()
        result = self.run("--on", "Valkey 9", VALKEY_9="")
        assert result.returncode == 4
        assert TARGETS["Valkey 9"].absence in result.stderr


CLIENTS = {  # a program that says whether it got a client of the cluster
    "python": "import redis; print(str(isinstance(redis.Redis.from_url('URL'), redis.RedisCluster)).lower())",
    "node": "import { Redis } from 'ioredis'; const r = new Redis('URL'); console.log(r.isCluster); r.quit()",
}


@pytest.mark.parametrize("language", CLIENTS)
def test_only_the_cluster_of_the_tests_gets_its_client(language: str, cluster: Cluster, redis_url: str) -> None:
    def client(url: str) -> str:
        programs = {"python": [sys.executable, "-c"], "node": [bootstrap.node(), "--input-type=module", "-e"]}
        hooks = {"PYTHONPATH": str(HOOKS), "NODE_OPTIONS": f"--import={HOOK_OF_NODE.as_uri()}"}
        env = {**os.environ, **hooks, "REDIS_CLUSTER_OF_TESTS": cluster.url}
        command = [*programs[language], CLIENTS[language].replace("URL", url)]
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=30).stdout

    assert (client(cluster.url), client(redis_url)) == ("true\n", "false\n")


def test_a_transcript_follows_only_the_cluster_of_the_tests(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"> SET k{number} v\nOK\n" for number in range(8))
    assert "(error) MOVED" in replay(text, cluster.url)
    monkeypatch.setenv("REDIS_CLUSTER_OF_TESTS", cluster.url)
    assert replay(text, cluster.url) == text


def test_a_cluster_has_its_replicas() -> None:
    cluster = Cluster(primaries=3, replicas=1)
    try:
        with cluster.shards[2].client() as client:
            parts = client.cluster("SLOTS")
        assert [len(part) for part in parts] == [4, 4, 4]  # first and last slot, primary, replica
        assert sorted(node[1] for part in parts for node in part[2:]) == sorted(
            node.port for node in [*cluster.shards, *cluster.replicas]
        )
    finally:
        cluster.stop()


def test_valkey_is_known_by_its_own_version() -> None:
    assert version({"redis_version": "7.2.4", "valkey_version": "9.1.2"}) == "9.1.2"
    assert version({"redis_version": "8.2.3"}) == "8.2.3"


def test_a_server_is_started_with_its_libraries(tmp_path: Path) -> None:
    folder = tmp_path / "a folder's"
    folder.mkdir()
    (folder / "server").write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH $*"\n', "utf-8")
    bootstrap.start(str(folder / "start"), str(folder / "server"), str(folder))
    said = subprocess.run([str(folder / "start"), "--port", "1 2"], capture_output=True, text=True).stdout
    assert said == f"{folder} --port 1 2\n"


def test_test_full_refuses_a_server_of_your_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be passed over: what was asked to run there would run elsewhere, for an hour."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379")
    monkeypatch.setattr(full, "TARGETS", {})
    monkeypatch.setattr(full, "stale", lambda: ["it went on"])
    with pytest.raises(SystemExit) as said:
        full.main()
    assert said.value.code == (
        "This runs on servers that it starts itself. Unset REDIS_URL; `make test` runs on what it names."
    )


def test_a_server_that_cannot_be_had_is_left_out_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert full.run_on(Target("Redis 1", "REDIS_1", "no-such-file")) == 0
    assert capsys.readouterr().out == (
        "Left out: no Redis 1 here: `make test-full` sets it up where it can, or REDIS_1=/path/of/its/server.\n"
    )
