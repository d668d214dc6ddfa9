"""CONTRIBUTING followed to the letter. Among the tests of the site, because it builds one from the ledger."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.toolchain import has
from publish.sources.blocks import split

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = "patterns/cache-aside"  # to which CONTRIBUTING adds


# Half a minute for what each of its steps is tested for elsewhere: the runner, the ledger, the build.
@pytest.mark.full
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

    every, snippets = copy / "every snippet", copy / "snippets"  # the contract compares what the others print
    snippets.rename(every)
    shutil.copytree(every / PAGE, snippets / PAGE)
    assert "snippets/patterns/cache-aside/expiry.out: stored from Python" in run("harness.runner")
    shutil.copy(snippets / PAGE / "expiry.out", every / PAGE)
    shutil.rmtree(snippets)
    every.rename(snippets)
    tests = ["tests/patterns/cache-aside", "tests/test_contract.py", "-k", "cache-aside/expiry or test_expiry"]
    run("pytest", "-q", "-p", "no:cacheprovider", *tests)
    if has(".NET 10 SDK"):
        run("publish.site", "build")
        page = (copy / "site" / "patterns" / "cache-aside.html").read_text("utf-8")
        assert page.count("cache-aside/expiry.") >= 3
        assert "A plain SET takes the expiry" in page
        assert "Not run here" not in page
