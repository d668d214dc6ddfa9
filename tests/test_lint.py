"""The linters and type checkers of all languages; each is one test."""

import shutil
import sys
from pathlib import Path

import pytest

from harness import foreign
from harness.toolchain import NODE, need, run
from publish.sources import snippets

ROOT = Path(__file__).resolve().parent.parent
PYTHON = [sys.executable, "-m"]
LINTERS = {
    "ruff check": [*PYTHON, "ruff", "check", "."],
    "ruff format": [*PYTHON, "ruff", "format", "--check", "."],
    "prettier": [NODE, "node_modules/prettier/bin/prettier.cjs", "--check", "docs/stylesheets"],
    "eslint": [NODE, "node_modules/eslint/bin/eslint.js", "--max-warnings", "0", "."],
}


@pytest.mark.parametrize("name", [*LINTERS, "C#"])
def test_lint(name: str) -> None:
    if name == "C#":  # its compiler is the linter too
        need(".NET 10 SDK")
        return foreign.dotnet_build()
    result = run(LINTERS[name], ROOT, 120)
    assert result.returncode == 0, result.stdout + result.stderr


CSHARP = [file for folder in ("snippets", "tests", "harness") for file in (ROOT / folder).rglob("*.cs")]


@pytest.mark.parametrize(
    "file", [file for file in CSHARP if not {"obj", "bin"} & set(file.parts)], ids=lambda one: one.name
)
def test_csharp_file_is_plain_utf8_and_ends_in_one_newline(file: Path) -> None:
    """What .editorconfig asks for, and the compiler does not look at."""
    text = file.read_bytes().decode("utf-8")
    assert text[0] != "\ufeff" and "\r" not in text
    assert text == text.rstrip() + "\n"


def test_what_a_reader_keeps_is_formatted_too(tmp_path: Path) -> None:
    """Without the markers of sections, and the blank lines around them."""
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    for snippet in snippets.read(ROOT).files:
        file = tmp_path / snippet.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(snippet.whole, "utf-8")
    result = run([*PYTHON, "ruff", "format", "--check", "."], tmp_path, 120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_types(tmp_path: Path) -> None:
    """mypy tells two files of one name apart by their packages, and a folder with a hyphen is none: rename it first."""
    for name in ("publish", "harness", "practice", "snippets", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "bin", "obj"))
    for name in ("bootstrap.py", "pyproject.toml"):
        shutil.copy2(ROOT / name, tmp_path)
    for folder in sorted(tmp_path.rglob("*-*"), reverse=True):
        if folder.is_dir():
            folder.rename(folder.with_name(folder.name.replace("-", "_")))
    result = run([*PYTHON, "mypy", "--cache-dir", str(ROOT / ".mypy_cache")], tmp_path, 120)
    assert result.returncode == 0, result.stdout + result.stderr
