"""pytest-markdown-docs over README, CONTRIBUTING and docs/."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import page_programs, runs
from harness.page_programs import callable_programs
from harness.servers import Server
from harness.toolchain import run
from publish.sources import snippets
from publish.sources.blocks import split
from publish.sources.files import digest
from publish.sources.includes import parse

ROOT = Path(__file__).resolve().parent.parent


def python_examples() -> int:
    """Count the Python programs that the pages stand for: each page, each program once."""
    library = snippets.read(ROOT)
    found = set()
    for page in (ROOT / "docs").rglob("*.md"):
        for line in page.read_text("utf-8").splitlines():
            include = parse(line)
            if include:
                found |= {(page, program.path) for program in callable_programs(library, include.example)}
    return len(found)


def literal_python() -> int:
    """Count the Python fences of README and CONTRIBUTING."""
    texts = [(ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    return sum(block.info.startswith("python") for text in texts for block in split(text))


def markdown_docs(*paths: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest-markdown-docs with our plugin."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "harness.page_programs"]
    command += ["--noconftest", "--markdown-docs", "-o", "testpaths=", "-o", "python_files=none", *paths]
    return run(command, ROOT, 240, **environment)


def test_every_python_example_of_the_docs_runs(own_server: Server, tmp_path: Path) -> None:
    """Each program that this process has run already, for the contract, is held against that run."""
    runs.wait_for_all()
    (tmp_path / "runs.json").write_text(json.dumps(runs.outputs()), "utf-8")
    pages = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))]
    environment = {"REDIS_URL": own_server.url, page_programs.RUNS_FILE: str(tmp_path / "runs.json")}
    result = markdown_docs("README.md", "CONTRIBUTING.md", *pages, **environment)
    expected = python_examples() + literal_python()
    assert expected >= 4
    assert re.search(rf"^{expected} passed", result.stdout, re.MULTILINE), result.stdout + result.stderr


PAGE, EXAMPLE = "docs/patterns/cache-aside.md", "patterns/cache-aside/naive"


@pytest.mark.parametrize("known", ["of this file", "of another file", "that differs"])
def test_a_page_is_held_against_the_run_of_the_very_file(known: str, tmp_path: Path) -> None:
    """A run of another text counts for nothing, and what the program really printed decides."""
    library = snippets.read(ROOT)
    snippet, stored = library.examples[EXAMPLE][".py"], library.outputs[EXAMPLE]
    ours = {digest(one.text): library.outputs[one.example] for one in library.files if one.language.call}
    if known == "of another file":
        ours[digest(snippet.text + " ")] = ours.pop(digest(snippet.text)) + "something else"
    elif known == "that differs":
        ours[digest(snippet.text)] = stored + "something else"
    (tmp_path / "runs.json").write_text(json.dumps(ours), "utf-8")
    result = markdown_docs(PAGE, **{page_programs.RUNS_FILE: str(tmp_path / "runs.json")})
    assert (result.returncode == 0) is (known != "that differs"), result.stdout
    assert ("naive.py prints something else" in result.stdout) is (known == "that differs")
