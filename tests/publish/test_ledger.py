"""What a row of the ledger rests on: change it, and the row no longer speaks for the program."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from publish.sources import ledger, snippets
from publish.sources.ledger import Ledger
from tests.publish.conftest import Prove, Write

FILES = {
    "snippets/shop/get.py": "a = 1\n",
    "snippets/shop/get.cs": "// a\n",
    "snippets/shop/get.mjs": "// a\n",
    "snippets/shop/get.out": "1\n",
    "snippets/shop/worker.py": "a = 1\n",
    "tests/conftest.py": "from harness.load import load\n",
    "tests/shop/conftest.py": "import tests.shop.made\n",
    "tests/shop/made.py": "",
    "tests/shop/test_get.py": "from harness import servers\nfrom .near import a\nload('worker.py')\ndef test_it(): ...\n",
    "tests/shop/near.py": "",
    "tests/shop/GetTests.cs": "",
    "tests/shop/get.test.mjs": "import { a } from '../../harness/server.mjs';\nspawn(\"./callers.mjs\");\n",
    "tests/shop/callers.mjs": "import './far.mjs';\n",
    "tests/shop/far.mjs": "",
    "tests/other/conftest.py": "",
    "tests/other/OtherTests.cs": "",
    "harness/__init__.py": "",
    "harness/load.py": "import redis, os.path\n",
    "harness/servers.py": "from publish.sources import ledger\nimport harness.tls\n",
    "harness/tls.py": "import harness.servers\n",
    "harness/unused.py": "",
    "harness/server.mjs": "",
    "harness/csharp/Server.cs": "",
    "harness/csharp/Helpers.csproj": "<Project />\n",
    "harness/csharp/obj/Debug/Made.cs": "",
    "publish/sources/ledger.py": "",
}
RESTS = {  # by suffix: what a row rests on beside the program and its output
    ".py": "snippets/shop/worker.py tests/conftest.py tests/shop/conftest.py tests/shop/made.py tests/shop/test_get.py "
    "tests/shop/near.py harness/__init__.py harness/load.py harness/servers.py harness/tls.py",
    ".cs": "tests/shop/GetTests.cs harness/csharp/Server.cs harness/csharp/Helpers.csproj",
    ".mjs": "tests/shop/get.test.mjs tests/shop/callers.mjs tests/shop/far.mjs harness/server.mjs",
}
PATHS = [f"snippets/shop/get{suffix}" for suffix in RESTS]


@pytest.fixture
def course(write: Write, prove: Prove) -> Path:
    root = write(FILES)
    prove(*PATHS)
    return root


def stale(root: Path) -> set[str]:
    """Return the suffixes of the programs of `shop/get` that may not carry their badge."""
    now = Ledger(root)
    found = snippets.read(root).examples["shop/get"]
    return {suffix for suffix, snippet in found.items() if now.problem(snippet)}


@pytest.mark.parametrize("path", FILES)
def test_a_row_falls_with_each_file_that_it_rests_on_and_with_no_other(course: Path, path: str) -> None:
    assert stale(course) == set()
    with (course / path).open("a", encoding="utf-8") as file:
        file.write("\n")
    expected = {suffix for suffix, paths in RESTS.items() if path in (*paths.split(), f"snippets/shop/get{suffix}")}
    assert stale(course) == (set(RESTS) if path == "snippets/shop/get.out" else expected)


@pytest.mark.parametrize("path", ["tests/shop/test_get.py", "tests/shop/made.py", "harness/load.py"])
def test_a_row_falls_with_a_file_that_is_gone(course: Path, path: str) -> None:
    (course / path).unlink()
    assert stale(course) == {".py"}


def test_a_row_falls_with_a_fixture_that_is_new(course: Path, write: Write) -> None:
    write({"tests/shop/near.py": "import tests.shop.new\n", "tests/shop/new.py": ""})
    assert stale(course) == {".py"}


def test_branches_that_change_a_program_and_its_test_apart_conflict(course: Path, prove: Prove) -> None:
    def git(*words: str) -> subprocess.CompletedProcess[str]:
        names = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        return subprocess.run(
            [shutil.which("git") or "git", *names, *words], cwd=course, capture_output=True, text=True
        )

    def commit(path: str, *branch: str) -> None:
        git("checkout", "-q", *branch)
        (course / path).write_text(FILES[path] + "# changed\n", "utf-8")
        prove(*PATHS)
        git("commit", "-qam", path)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "before")
    commit("tests/shop/test_get.py", "-b", "tests")
    commit("snippets/shop/get.py", "main")
    merged = git("merge", "tests")
    assert merged.returncode == 1
    assert f"Merge conflict in {ledger.FILE}" in merged.stdout
    assert [str(fault).partition("; ")[0] for fault in Ledger(course).faults] == [
        f"{ledger.FILE}:3: is left of a merge",
        f"{ledger.FILE}:5: is left of a merge",
        f"{ledger.FILE}:6: snippets/shop/get.py has a row in line 4 too",
        f"{ledger.FILE}:7: is left of a merge",
    ]
    assert stale(course) == {".py"}, "neither row counts, and those of other programs do"


def test_of_two_rows_of_one_program_neither_counts(course: Path) -> None:
    file = course / ledger.FILE
    row = Ledger(course).rows["snippets/shop/get.py"]
    failed = replace(row, failures={"it": "failed"})
    file.write_text(file.read_text("utf-8") + failed.line() + "\n", "utf-8")
    assert stale(course) == {".py"}
    file.write_text(file.read_text("utf-8").replace(failed.line(), row.line()), "utf-8")
    assert stale(course) == {".py"}
