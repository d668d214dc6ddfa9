"""The C# compiler is a server of the session's own: builds find it, and it does not outlive the session."""

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


def running(name: str) -> bool:
    """Tell whether a compiler's server of this name runs."""
    return subprocess.run(["pgrep", "-f", f"pipename:{name}"], capture_output=True).returncode == 0


@pytest.fixture
def anew() -> Iterator[Callable[[], None]]:
    """Forget the server of this session for the test's time."""
    compiler.environment.cache_clear()
    yield compiler.environment.cache_clear
    compiler.environment.cache_clear()


def test_builds_find_the_server_and_it_ends_with_its_process() -> None:
    need(".NET 10 SDK")
    code = "from harness import compiler; print(compiler.environment()['SharedCompilationId'], flush=True); input()"
    session = [sys.executable, "-c", code]
    with subprocess.Popen(session, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        name = process.stdout.readline().strip()
        assert running(name)
        process.kill()
    eventually(lambda: not running(name), "the server ends")


@pytest.mark.parametrize("sdks", ["", "10.0.1 [/nowhere]"])
def test_without_such_a_server_each_build_compiles_by_itself(
    anew: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sdks: str
) -> None:
    dotnet = tmp_path / "dotnet"
    dotnet.write_text(f"#!/bin/sh\necho '{sdks}'\n", "utf-8")
    dotnet.chmod(0o755)
    monkeypatch.setitem(PROGRAMS, "dotnet", str(dotnet))
    assert compiler.environment() == compiler.NONE


def test_program_is_compiled_by_the_server(anew: Callable[[], None]) -> None:
    """A server that has just started has much to do at its first program: the processor's time that it takes grows."""
    need(".NET 10 SDK")
    name = compiler.environment()["SharedCompilationId"]
    [pid] = subprocess.run(["pgrep", "-f", f"pipename:{name}"], capture_output=True, text=True).stdout.split()

    def taken() -> int:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))

    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc here")
    before = taken()
    text = f'#:property PublishAot=false\nConsole.WriteLine("{name}");\n'  # never built before
    assert run_snippet(snippets.parse("snippets/x/some.cs", text)[0]).output == f"{name}\n"
    assert taken() > before + 40  # of a hundredth of a second each; about 190, and 7 where nobody asks it
