"""The programs that the tests call beside Python: where they are, and how to get those that are missing."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
from publish.pages import diagrams
from publish.sources.languages import LANGUAGES

NODE = bootstrap.node()
CHROMIUM = diagrams.chromium()

# What a machine may lack: whether it is there, and the one command that brings it.
TOOLS = {one.tool: (shutil.which(one.program), one.get) for one in LANGUAGES.values() if one.tool}
TOOLS["Chromium"] = CHROMIUM, "apt install chromium, or set CHROMIUM to the path of a Chrome"

# The programs that readers call, by name; set-up brings two of them.
PROGRAMS = {one.program: shutil.which(one.program) or one.program for one in LANGUAGES.values()}
PROGRAMS |= {"python": sys.executable, "node": NODE}

# No build server may outlive the tests.
ENVIRONMENT = {
    "UseSharedCompilation": "false",
    "MSBUILDDISABLENODEREUSE": "1",
    "DOTNET_CLI_USE_MSBUILD_SERVER": "0",
    "DOTNET_NOLOGO": "1",
    "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def has(tool: str) -> bool:
    """Tell whether a tool is here; no tool always is."""
    return not tool or TOOLS[tool][0] is not None


def need(tool: str) -> None:
    """Skip the calling test where a tool is missing; fail it under CI, where nothing may be left out."""
    if has(tool):
        return
    how = TOOLS[tool][1]
    if os.environ.get("CI"):
        pytest.fail(f"{tool} is missing, and CI leaves nothing out. Get it: {how}", pytrace=False)
    pytest.skip(f"no {tool}; get it: {how}")


def run(command: list[str], cwd: Path, timeout: float, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process group of its own. After `timeout` seconds it is killed with its children.

    Raises TimeoutError, which names the command and the limit.
    """
    process = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **ENVIRONMENT, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"`{' '.join(command)}` still ran after {timeout:g} s and was killed") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what the program itself left running
        process.wait()
    return subprocess.CompletedProcess(command, process.returncode, out, err)
