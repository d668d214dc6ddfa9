"""pytest-markdown-docs over README, CONTRIBUTING and docs/, and CONTRIBUTING followed to the letter."""

import os
import re
import subprocess
import sys
from pathlib import Path

from publish import snippets
from publish.blocks import split
from publish.includes import parse
from tests.servers import Server
from tests.toolchain import DOTNET

ROOT = Path(__file__).resolve().parent.parent


def python_examples() -> int:
    """Count the Python programs that the pages stand for: each page, each example once."""
    library = snippets.read(ROOT)
    found = set()
    for page in (ROOT / "docs").rglob("*.md"):
        for line in page.read_text("utf-8").splitlines():
            include = parse(line)
            if include and ".py" in library.examples.get(include.example, {}):
                found.add((page, include.example))
    return len(found)


def literal_python() -> int:
    """Count the Python fences of README and CONTRIBUTING."""
    texts = [(ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    return sum(block.info.startswith("python") for text in texts for block in split(text))


def test_every_python_example_of_the_docs_runs() -> None:
    server = Server()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.page_programs",
        "--noconftest",
    ]
    command += ["--markdown-docs", "-o", "testpaths=", "-o", "python_files=none", "README.md", "CONTRIBUTING.md"]
    command += [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))]
    try:
        result = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            env={"REDIS_URL": server.url, "PATH": "/usr/bin:/bin"},
        )
    finally:
        server.stop()
    expected = python_examples() + literal_python()
    assert expected >= 4
    assert re.search(rf"^{expected} passed", result.stdout, re.MULTILINE), result.stdout + result.stderr


def test_contributing_followed_to_the_letter(copy: Path) -> None:
    """What it calls for is done, and nothing else: no file of publish/ is touched."""
    for block in split((ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        title = re.search(r'title="(.+)"', block.info)
        if title:
            text = "\n".join(block.text.split("\n")[1:-1]) + "\n"
            with (copy / title[1]).open("a", encoding="utf-8") as file:
                file.write(text if not title[1].endswith(".md") else "\n" + text)

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", *arguments]
        environment = {**os.environ, "CI": ""}  # here the ledger is to be written
        result = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=240)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    assert "snippets/patterns/cache-aside/expiry.out: stored from Python" in run("tests.runner")
    tests = ["tests/patterns/cache-aside", "tests/test_contract.py", "-k", "expiry"]
    run("pytest", "-q", "-p", "no:cacheprovider", *tests)
    if DOTNET:
        run("publish.site", "build")
        page = (copy / "site" / "patterns" / "cache-aside.html").read_text("utf-8")
        assert page.count("cache-aside/expiry.") >= 3
        assert "A plain SET takes the expiry" in page
        assert "Not run here" not in page
