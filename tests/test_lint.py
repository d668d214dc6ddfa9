"""The linters and type checkers of all languages; each is one test."""

import sys
from pathlib import Path

import pytest

from tests.toolchain import NODE, need, run

ROOT = Path(__file__).resolve().parent.parent
PYTHON = [sys.executable, "-m"]
LINTERS = {
    "ruff check": [*PYTHON, "ruff", "check", "."],
    "ruff format": [*PYTHON, "ruff", "format", "--check", "."],
    "mypy": [*PYTHON, "mypy"],
    "eslint": [NODE, "node_modules/eslint/bin/eslint.js", "--max-warnings", "0", "."],
    "dotnet format": ["dotnet", "format", "tests/csharp/Tests/Tests.csproj", "--verify-no-changes"],
}


@pytest.mark.parametrize("name", LINTERS)
def test_lint(name: str) -> None:
    if name.startswith("dotnet"):
        need(".NET 10 SDK")
    result = run(LINTERS[name], ROOT, 120)
    assert result.returncode == 0, result.stdout + result.stderr
