"""The C# compiler is a server of the run's own: builds find it, and it does not outlive the run."""

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import compiler
from harness.runner import run_snippet
from harness.toolchain import PROGRAMS, need
from practice.demo_write_behind import eventually
from publish.sources import snippets

ROOT = Path(__file__).resolve().parents[2]


RUN = "PYTEST_XDIST_TESTRUNUID"  # the name of a run in several processes


def running(name: str) -> list[str]:
    """Return the compiler's servers of this name."""
    return subprocess.run(["pgrep", "-f", f"pipename:{name}"], capture_output=True, text=True).stdout.split()


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Forget the server of this run for the test's time."""
    monkeypatch.delenv(RUN, raising=False)
    compiler.environment.cache_clear()
    yield compiler.environment.cache_clear
    compiler.environment.cache_clear()


@contextlib.contextmanager
def session(run: str) -> Iterator[str]:
    """Start a process that builds, as one of a run, and give the name of its server. Kill it in the end."""
    code = "from harness import compiler; print(compiler.environment()['SharedCompilationId'], flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, RUN: run},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        yield process.stdout.readline().strip()
        process.kill()


def test_builds_find_the_server_and_it_ends_with_its_process() -> None:
    need(".NET 10 SDK")
    with session("") as name:
        assert running(name)
    eventually(lambda: not running(name), "the server ends")


def test_processes_of_one_run_share_a_server() -> None:
    need(".NET 10 SDK")
    run = secrets.token_hex(8)
    with session(run) as name, session(run) as same, session("") as other:
        assert same == name != other
        eventually(lambda: len(running(name)) == 1, "one of the two servers ends")


@pytest.mark.parametrize("sdks", ["", "10.0.1 [/nowhere]"])
def test_without_such_a_server_each_build_compiles_by_itself(
    anew: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sdks: str
) -> None:
    dotnet = tmp_path / "dotnet"
    dotnet.write_text(f"#!/bin/sh\necho '{sdks}'\n", "utf-8")
    dotnet.chmod(0o755)
    monkeypatch.setitem(PROGRAMS, "dotnet", str(dotnet))
    assert compiler.environment() == compiler.NONE


@pytest.mark.long
def test_program_is_compiled_by_the_server(anew: Callable[[], None]) -> None:
    """A server that has just started has much to do at its first program: the processor's time that it takes grows."""
    need(".NET 10 SDK")
    name = compiler.environment()["SharedCompilationId"]
    [pid] = running(name)

    def taken() -> int:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))

    if not Path("/proc/self/stat").exists():
        pytest.skip("the processor's time that a server takes is read from /proc, which this system has not")
    before = taken()
    text = f'#:property PublishAot=false\nConsole.WriteLine("{name}");\n'  # never built before
    assert run_snippet(snippets.parse("snippets/x/some.cs", text)[0]).output == f"{name}\n"
    assert taken() > before + 40  # of a hundredth of a second each; about 190, and 7 where nobody asks it
