"""What the test machine promises: bad input ends in one sentence, nothing is left running, the ledger is honest."""

import datetime
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import redis

import bootstrap
from harness import foreign, record, runner
from harness.servers import Server
from publish.sources import ledger, snippets

ROOT = Path(__file__).resolve().parent.parent


def pytest_here(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a pytest of its own, on the quickest test file."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    env = {**os.environ, "REDIS_URL": "", **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


def pytest_outside(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run test files that lie outside the repository with the repository's fixtures and collectors."""
    outside = ("-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "--noconftest", str(path))
    return pytest_here(*outside, *arguments)


def running(needle: str) -> list[int]:
    """Return the processes that have `needle` in their command line."""
    found = subprocess.run(["pgrep", "-f", needle], capture_output=True, text=True).stdout.split()
    return [int(pid) for pid in found if int(pid) != os.getpid()]


NAIVE = "tests/patterns/cache-aside/test_naive.py"


def test_redis_that_dies_mid_run_ends_the_run_in_one_sentence() -> None:
    server = Server()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/patterns", "-k", "py"]
    command += ["-m", "not long"]  # which come first, on servers of their own
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "REDIS_URL": server.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        with redis.Redis.from_url(server.url) as client:
            while "cmdstat_flushdb" not in client.info("commandstats"):  # the first of a test: the check sends none
                assert process.poll() is None
                time.sleep(0.01)
        server.kill()
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 3, output
    assert "has died" in output


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_server(ending: signal.Signals, tmp_path: Path) -> None:
    slow = tmp_path / "test_slow.py"
    slow.write_text("import time\ndef test_slow(redis_url): print(redis_url, flush=True); time.sleep(60)\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-p", "tests.conftest", "--noconftest"]
    command += ["-c", str(ROOT / "pyproject.toml"), str(slow)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT) as process:
        assert process.stdout
        url = next(
            line for line in process.stdout if line.startswith(("redis://", "tests", str(slow))) or "redis://" in line
        )
        port = url.rpartition(":")[2].split()[0]
        process.send_signal(ending)
        process.wait(timeout=30)
    deadline = time.monotonic() + 5
    while running(f"redis-server 127.0.0.1:{port}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(f"redis-server 127.0.0.1:{port}")


def snippet(tmp_path: Path, body: str) -> snippets.Snippet:
    return snippets.parse("snippets/x/bad.py", body)[0]


def test_snippet_that_hangs_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LIMIT", 1.5)
    mark = f"37{os.getpid()}"
    body = f"import subprocess\nsubprocess.run(['sleep', '{mark}'])\n"
    with pytest.raises(TimeoutError, match=r"snippets/x/bad.py: .* still ran after 1.5 s and was killed"):
        runner.run_snippet(snippet(tmp_path, body))
    assert not running(f"sleep {mark}")


def test_snippet_that_fails_is_named_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"snippets/x/bad.py left with exit code 1:\n(.|\n)*ZeroDivisionError"):
        runner.run_snippet(snippet(tmp_path, "1 / 0\n"))


def test_limit_is_thirty_seconds() -> None:
    assert runner.LIMIT == 30


RED = {  # name: what a file of node:test holds, and a word of what is said of it
    "fails": ('test("a", () => { throw new Error("boom"); });\ntest("b", () => {});\n', "boom"),
    "skips": ('test("a", { skip: "no time" }, () => {});\ntest("b", () => {});\n', "skipped|no time"),
    "never runs": ('test("a", () => {});\nif (0)\n{\ntest("b", () => {});\n}\n', "was not run"),
    "is hidden": (
        'test("a", () => {});\n  test("hidden", () => {});\ntest("b", () => {});\n',
        "that the scan of names did not find",
    ),
    "is no JavaScript": (
        'syntax error\ntest("a", () => {});\ntest("b", () => {});\n', "was not run|beyond|did not find",
    ),
    "has two of one name": (
        'test("a", () => { throw new Error("boom"); });\ntest("a", () => {});\n', "two tests are called a",
    ),
    "has none": ("// nothing\n", "no test found"),
}  # fmt: skip


def test_node_test_that_fails_skips_or_is_not_seen_is_red(tmp_path: Path) -> None:
    """All in one run, whose report says of each file what is wrong there."""
    (tmp_path / "red").mkdir()
    for number, (text, _) in enumerate(RED.values()):
        file = tmp_path / "red" / f"x{number}.test.mjs"
        file.write_text('import { test } from "node:test";\n' + text, "utf-8")
    report = tmp_path / "report.xml"
    result = pytest_outside(tmp_path / "red", "--continue-on-collection-errors", f"--junitxml={report}")
    assert result.returncode == 1
    said = dict.fromkeys(RED, "")
    for case in ElementTree.parse(report).iter("testcase"):
        number = re.findall(r"x(\d)\.test", f"{case.get('classname')} {case.get('name')}")[0]
        said[list(RED)[int(number)]] += "\n".join(case.itertext())
    wrong = {name: said[name] for name, (_, words) in RED.items() if not re.search(words, said[name])}
    assert not wrong, f"{wrong}\n{result.stdout}"


def test_missing_toolchain_is_one_line_and_under_ci_a_failure() -> None:
    nowhere = os.pathsep.join(
        path for path in os.environ["PATH"].split(os.pathsep) if not Path(path, "dotnet").exists()
    )
    arguments = ("tests/patterns/cache-aside/CacheAsideTests.cs",)
    relaxed = pytest_here(*arguments, CI="", PATH=nowhere)
    assert relaxed.returncode == 0
    assert relaxed.stdout.count("no .NET 10 SDK. Get it:") == 1
    strict = pytest_here(*arguments, CI="true", PATH=nowhere)
    assert strict.returncode == 1
    assert ".NET 10 SDK is missing, and CI leaves nothing out." in strict.stdout


def test_what_failed_once_is_not_tried_again() -> None:
    tries = []

    @foreign.once
    def build() -> None:
        tries.append(1)
        raise RuntimeError("broken")

    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            build()
    assert len(tries) == 1


@pytest.mark.parametrize("line", ["-x", "--lf", "--sw", f"{NAIVE}::test_naive_id_becomes_sql"])
def test_a_selection_of_tests_is_seen(line: str, pytestconfig: pytest.Config) -> None:
    def parse(*words: str) -> bool:
        option = pytestconfig._parser.parse_known_args(list(words))
        return record.is_selection(option, option.file_or_dir)

    assert parse(*line.split())
    assert not parse(NAIVE, "-q")


OURS = "test_naive.py or aside/naive.py or keys/colon.redis"  # the last one's tests do not run


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "rows"), [(OURS, ["snippets/patterns/cache-aside/naive.py"]), (f"({OURS}) and not sql", [])]
)
def test_a_row_needs_every_test_of_its_file(copy: Path, words: str, rows: list[str]) -> None:
    (copy / ledger.FILE).write_text("", "utf-8")
    assert "passed" in pytest_here(NAIVE, "tests/test_contract.py", "-k", words, cwd=copy, CI="").stdout
    assert list(ledger.read(copy)[0]) == rows


class TestLedger:
    """One example of our own, recorded into a folder of its own."""

    @pytest.fixture(autouse=True)
    def course(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("get.py", "put.py"):
            (tmp_path / "snippets").mkdir(exist_ok=True)
            (tmp_path / "snippets" / name).write_text("a = 1\n", "utf-8")
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests/test_get.py").write_text("def test_it(): pass\n", "utf-8")
        monkeypatch.delenv("CI", raising=False)
        self.root, self.recorder = tmp_path, record.Recorder(tmp_path)

    def ran(self, *names: str, outcome: str = "passed") -> None:
        tests = {name: outcome for name in names if name != ledger.RUN}
        self.recorder.outcomes["tests/test_get.py"] = tests
        self.recorder.outcomes["snippets/get.py"] = {ledger.RUN: outcome} if ledger.RUN in names else {}

    def test_a_row_is_written_only_when_all_of_it_ran(self) -> None:
        self.ran("it")
        assert self.recorder.write("8.2.3") == []
        self.ran("it", ledger.RUN)
        assert self.recorder.write("8.2.3") == ["snippets/get.py"]
        row = ledger.Ledger(self.root).rows["snippets/get.py"]
        assert row.failures == {}
        assert row.versions["Redis"] == "8.2.3"
        assert row.date == datetime.date.today().isoformat()

    def test_a_new_date_alone_never_rewrites(self) -> None:
        self.ran("it", ledger.RUN)
        self.recorder.write("8.2.3")
        row = ledger.Ledger(self.root).rows["snippets/get.py"]
        ledger.save(self.root, {row.path: replace(row, date="2001-01-01")})
        assert self.recorder.write("8.2.3") == []
        assert self.recorder.write("8.4.0") == ["snippets/get.py"]

    def test_a_file_saved_while_the_tests_run_gets_no_row(self) -> None:
        self.ran("it", ledger.RUN)
        (self.root / "snippets/get.py").write_text("a = 2\n", "utf-8")
        assert self.recorder.write("8.2.3") == []

    def test_a_failure_is_recorded(self) -> None:
        self.ran("it", ledger.RUN, outcome="failed")
        assert self.recorder.write("8.2.3") == ["snippets/get.py"]
        problem = ledger.Ledger(self.root).problem(snippets.read(self.root).files[0])
        assert problem == "did not pass: it, prints what is stored"

    def test_a_failure_alone_is_recorded_and_the_rest_of_the_row_stays(self) -> None:
        self.ran("it", ledger.RUN)
        self.recorder.write("8.2.3")
        self.ran("it", outcome="failed")
        assert self.recorder.write("8.2.3") == ["snippets/get.py"]
        assert ledger.Ledger(self.root).rows["snippets/get.py"].failures == {"it": "failed"}
        self.ran("it")
        assert self.recorder.write("8.2.3") == [], "only a whole run takes that back"

    @pytest.mark.parametrize("name", ledger.RUNS)
    def test_a_run_without_one_test_of_the_contract_proves_nothing(self, name: str) -> None:
        item = SimpleNamespace(
            path=self.root / ledger.CONTRACT, originalname=f"test_{name}", name=f"test_{name}[x]",
            callspec=SimpleNamespace(params={"path": "snippets/get.py"}),
        )  # fmt: skip
        self.recorder.leave_out(cast(pytest.Item, item))
        self.ran("it", ledger.RUN)
        assert self.recorder.write("8.2.3") == []

    def test_ci_compares_and_does_not_write(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "true")
        self.ran("it", ledger.RUN)
        assert self.recorder.write("8.2.3") == ["snippets/get.py"]
        assert not (self.root / ledger.FILE).exists()

    def test_the_row_of_a_file_that_is_gone_goes_too(self) -> None:
        ledger.save(self.root, {"snippets/old.py": ledger.Row("snippets/old.py", "0", "2001-01-01", {})})
        assert self.recorder.write("8.2.3") == ["snippets/old.py"]
        assert (self.root / ledger.FILE).read_text("utf-8") == ""

    def test_a_run_mends_an_edited_ledger(self) -> None:
        self.ran("it", ledger.RUN)
        self.recorder.write("8.2.3")
        line = (self.root / ledger.FILE).read_text("utf-8")
        (self.root / ledger.FILE).write_text(f"<<<<<<< HEAD\n{line.replace('8.2.3', '9.9.9')}", "utf-8")
        assert self.recorder.write("8.2.3") == ["snippets/get.py"]
        assert (self.root / ledger.FILE).read_text("utf-8") == line


class TestSetUp:
    def test_old_python_is_one_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 9, 2))
        with pytest.raises(SystemExit, match=r"Python 3.11 or newer is needed, this is 3.9.2. Say which: make PYTHON="):
            bootstrap.main()

    @pytest.mark.long
    def test_no_network_at_first_set_up_is_one_sentence(self, tmp_path: Path) -> None:
        for name in ("bootstrap.py", "requirements.txt", "package-lock.json", "package.json"):
            shutil.copy(ROOT / name, tmp_path)
        environment = {
            **os.environ,
            "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
            "PIP_RETRIES": "1",  # it says why only where it tries again
            "PIP_CONFIG_FILE": os.devnull,
        }
        environment.pop("PIP_FIND_LINKS", None)
        result = subprocess.run(
            [sys.executable, "bootstrap.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 1
        last = result.stderr.strip().splitlines()[-1]
        assert last.startswith("Set-up could not install the packages of requirements.txt")
        assert last.endswith("The first set-up needs the network.")
        assert not list(tmp_path.glob(".venv/stamp-*"))  # so that the next run begins again

    def test_a_linked_environment_is_refused_and_left_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "shared").mkdir()
        (tmp_path / "shared" / "kept").touch()
        (tmp_path / ".venv").symlink_to(tmp_path / "shared")
        monkeypatch.setattr(bootstrap, "VENV", str(tmp_path / ".venv"))
        with pytest.raises(SystemExit, match=r"^\.venv is a link"):
            bootstrap.install_python()
        assert (tmp_path / "shared" / "kept").exists()

    def test_a_step_is_done_again_only_when_its_lock_has_changed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bootstrap, "VENV", str(tmp_path))
        lock, done = tmp_path / "lock", []
        for text in ("a", "a", "b", "b"):
            lock.write_text(text, "utf-8")
            bootstrap.step("x", [str(lock)], lambda: done.append(1), str(lock))
        assert len(done) == 2


def test_what_builds_or_runs_once_is_in_one_process() -> None:
    """Two processes that build the C# tests at once fail; two that run the programs do it twice."""
    shares = [
        ["tests/a/OneTests.cs::x", "tests/b/TwoTests.cs::y", "tests/test_lint.py::test_lint[C#]"],
        ["tests/test_contract.py::test_a[p]", "tests/publish/test_quiz.py::test_traced_program_prints_it[q]"],
        ["tests/a/one.test.mjs::x", "tests/a/one.test.mjs::y"],
        ["tests/a/two.test.mjs::x"],
        ["tests/a/test_one.py::test_x"],
        ["tests/a/test_one.py::test_y"],
        ["tests/a/test_one_async.py::test_x"],
        ["tests/a/callers.mjs::x"],
        ["tests/publish/test_diagrams.py::test_x", "tests/publish/test_diagrams.py::test_y"],
        *[[f"tests/site/test_{name}.py::{test}" for test in "xy"] for name in ("handout", "below_a_path", "serve")],
    ]
    found = [{foreign.share(nodeid) for nodeid in some} for some in shares]
    assert [len(some) for some in found] == [1] * len(shares)
    assert len(set.union(*found)) == len(shares)


@pytest.mark.long
def test_shares_and_length_decide_where_and_when_tests_run(tmp_path: Path) -> None:
    (tmp_path / "a.test.mjs").write_text(
        'import { test } from "node:test";\n' + "".join(f'test("t{i}", () => {{}});\n' for i in range(40)), "utf-8"
    )
    (tmp_path / "test_p.py").write_text("".join(f"def test_{i}(): pass\n" for i in range(40)), "utf-8")
    with (tmp_path / "test_p.py").open("a") as file:
        file.write("import pytest\n@pytest.mark.long\ndef test_long(): pass\n")
    arguments = ("-vv", "--rootdir", str(tmp_path), "-n", "2", "--dist", "loadscope")
    said = pytest_outside(tmp_path, *arguments).stdout
    places = re.findall(r"\[(gw\d)\].*(a\.test\.mjs|test_p\.py)::(\w+)", said)
    assert len(places) == 81, said
    [its] = [place for place, _, name in places if name == "test_long"]
    assert next(name for place, file, name in places if (place, file) == (its, "test_p.py")) == "test_long"
    assert len({place for place, file, _ in places if file == "a.test.mjs"}) == 1
