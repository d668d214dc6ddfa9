"""What a row of the ledger rests on: change it, and the row no longer speaks for the program."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from publish.sources import languages, ledger, snippets
from publish.sources.ledger import Ledger
from tests.publish.conftest import ROOT, Prove, Write

FILES = {
    "snippets/shop/get.py": "a = 1\n",
    "snippets/shop/get.cs": "// a\n",
    "snippets/shop/get.mjs": "// a\n",
    "snippets/shop/get.out": "1\n",
    "snippets/shop/worker.py": "a = 1\n",
    "snippets/shop/store.cs": "static class Store\n{\n    class Inner;\n}\n",
    "snippets/shop/other.cs": "class Unnamed;\nclass Inner;\n",
    "docs/_course/keys.yml": "",
    ".editorconfig": "",
    "tests/conftest.py": "from harness.load import load\n",
    "tests/shop/conftest.py": "import tests.shop.made\n",
    "tests/__init__.py": "",
    "tests/shop/__init__.py": "",
    "tests/shop/made.py": "",
    "tests/shop/test_get.py": "from harness import servers\nfrom .near import a\nload('worker.py'), open('checks.py')\ndef test_it(): ...\n",
    "tests/shop/near.py": "",
    "tests/shop/GetTests.cs": "Store.Get();\n",
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
    "harness/csharp/Directory.Build.props": "<Project />\n",
    "harness/csharp/obj/Debug/Made.cs": "",
    "harness/csharp/obj/made.props": "",
    "practice/shop/checks.py": "",
    "practice/other/checks.py": "",
    "tests/test_contract.py": "from harness import runner\n",
    "harness/runner.py": "import bootstrap\n",
    "harness/session.py": "from harness import foreign\n",
    "harness/foreign.py": "",
    "bootstrap.py": "",
    "publish/sources/ledger.py": "",
    "publish/parts/keys.py": "",
    "docs/_course/exercises.yml": "[]",
}
RESTS = {  # by suffix: what a row rests on beside the program and its output
    ".py": "snippets/shop/worker.py tests/shop/__init__.py tests/shop/conftest.py tests/shop/made.py tests/shop/test_get.py "
    "tests/shop/near.py practice/shop/checks.py harness/servers.py harness/tls.py",
    ".cs": "tests/shop/GetTests.cs harness/csharp/Server.cs harness/csharp/Helpers.csproj snippets/shop/store.cs "
    "harness/csharp/Directory.Build.props .editorconfig",
    ".mjs": "tests/shop/get.test.mjs tests/shop/callers.mjs tests/shop/far.mjs harness/server.mjs",
}
ALL = (  # what runs every program and every test
    "tests/test_contract.py tests/conftest.py bootstrap.py harness/__init__.py harness/load.py harness/runner.py "
    "harness/session.py harness/foreign.py tests/__init__.py publish/parts/keys.py"
)
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
    assert stale(course) == (set(RESTS) if path in (*ALL.split(), "snippets/shop/get.out") else expected)


CODE = "import redis\n\n\ndef f():\n    return '#'\n"
REMARKED = CODE.replace("return '#'", '"""Return\n    it."""\n    # why\n    return \'#\'  # what')
SAYS = "def f():\n    a = 1\n    'no docstring'\n    return '''\n# 1\n'''\n"


@pytest.mark.parametrize(
    ("before", "after", "falls"),
    [
        (CODE, '"""What it is for,\n\nat length."""\n' + CODE, set()),
        (CODE, "# fmt: off\n" + CODE + "# the end\n", set()),
        (CODE, REMARKED, set()),
        (REMARKED, REMARKED.replace("'#'", "'# '"), set(RESTS)),
        (SAYS, SAYS.replace("# 1", "# 2"), set(RESTS)),
        ("def f():\n    'it'; return 1\n", "def f():\n    'it'; return 2\n", set(RESTS)),
        ("def f():\n    '''it\n    '''; return 1\n", "def f():\n    '''it\n    '''; return 2\n", set(RESTS)),
        (CODE, "# coding: latin-1\n" + CODE, set(RESTS)),
        (SAYS, SAYS.replace("    a = 1\n", ""), set(RESTS)),
    ],
)
def test_what_is_said_about_the_code_that_runs_a_program_is_no_part_of_its_row(
    before: str, after: str, falls: set[str], write: Write, prove: Prove
) -> None:
    course = write({**FILES, "harness/load.py": before})
    prove(*PATHS)
    write({"harness/load.py": after})
    assert stale(course) == falls


def test_what_a_program_says_is_part_of_its_row(course: Path, write: Write) -> None:
    write({"snippets/shop/get.py": "a = 1\n# why\n"})
    assert stale(course) == {".py"}


KEY = '- {{ pattern: "{}", type: {}, seconds: [60, 60], ttl: {}, owner: a.md, holds: a }}\n'
REGISTRY = KEY.format("user:{id}", "hash", "1 min") + KEY.format("cart:{id}", "hash", "1 min")


@pytest.mark.parametrize(
    ("registry", "falls"),
    [
        (REGISTRY.replace("hash", "string", 1), {".py"}),
        (REGISTRY.replace("60, 60", "60, 61", 1), {".py"}),
        (REGISTRY.partition("\n")[2], {".py"}),
        (REGISTRY + KEY.format("us{what}", "hash", "1 min"), {".py"}),
        (REGISTRY + KEY.format("user:{id}:cart", "hash", "1 min"), {".py"}),
        (REGISTRY + KEY.format("user:id:cart", "hash", "1 min"), set()),
        (REGISTRY + KEY.format("order:{id}", "hash", "1 min"), set()),
        (REGISTRY.replace("1 min", "a minute"), set()),
        ("# all keys\n" + REGISTRY, set()),
        ("{", {".py"}),
    ],
)
def test_a_row_falls_with_the_keys_that_are_demanded_of_its_program(
    registry: str, falls: set[str], write: Write, prove: Prove
) -> None:
    course = write({**FILES, ledger.REGISTRY: REGISTRY, "snippets/shop/get.py": 'f"user:{1}"\n'})
    prove(*PATHS)
    write({ledger.REGISTRY: registry})
    assert stale(course) == falls


def test_a_row_of_an_exercise_falls_with_the_table_by_which_its_checks_are_found(write: Write, prove: Prove) -> None:
    course = write({**FILES, "tests/shop/near.py": "from practice import exercise\n", "practice/exercise.py": ""})
    prove(*PATHS)
    write({"docs/_course/exercises.yml": "[ ]"})
    assert stale(course) == {".py"}


def test_a_row_falls_with_what_of_its_program_is_run(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snippets.Snippet, "whole", property(lambda snippet: snippet.text + "# and more"))
    assert stale(course) == set(RESTS)


def test_a_row_falls_with_the_line_that_runs_its_program(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages.Language, "commands", lambda *_: ["node {file}"])
    assert stale(course) == set(RESTS)


@pytest.mark.parametrize("path", ["tests/shop/test_get.py", "tests/shop/made.py", "harness/tls.py"])
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
        (course / path).write_text(FILES[path] + "changed = 1\n", "utf-8")
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


def test_an_empty_ledger_knows_of_no_run_and_has_no_fault(course: Path, write: Write) -> None:
    write({ledger.FILE: ""})
    assert (stale(course), Ledger(course).faults) == (set(RESTS), [])


def test_of_two_rows_of_one_program_neither_counts(course: Path) -> None:
    file = course / ledger.FILE
    row = Ledger(course).rows["snippets/shop/get.py"]
    failed = replace(row, failures={"it": "failed"})
    file.write_text(file.read_text("utf-8") + failed.line() + "\n", "utf-8")
    assert stale(course) == {".py"}
    file.write_text(file.read_text("utf-8").replace(failed.line(), row.line()), "utf-8")
    assert stale(course) == {".py"}


NO_PART = {  # of what is in harness/ and practice/, what no outcome rests on
    "harness/quick.py": "chooses what is run again",
    "harness/full.py": "starts the sessions on other servers",
    "harness/times.py": "measures",
    "harness/small_course.py": "is for the tests of the press",
    "harness/page_programs.py": "is for the tests of the pages",
    "harness/browser/": "is for the tests of the site",
    "harness/faults/drive": "drives programs into faults, of which a row says nothing",
    "harness/csharp/Drive/": "does so in C#",
    "practice/exercises/load-once/checks.py": "has tests of its own, and no program's test calls it",
}


def test_all_that_runs_or_checks_programs_is_in_their_rows() -> None:
    now = Ledger(ROOT)
    inside = set(now.each)
    for snippet in snippets.read(ROOT).files:
        inside |= now.files.closure(snippet.language.test_path(snippet.example), snippet.path.rpartition("/")[0])
    files = [file for home in ("harness", "practice") for file in (ROOT / home).rglob("*") if file.is_file()]
    paths = {file.relative_to(ROOT).as_posix() for file in files if not {"bin", "obj", "__pycache__"} & {*file.parts}}
    outside = {path for path in paths - inside if not path.endswith("__init__.py")}
    listed = {path for path in paths if path.startswith(tuple(NO_PART))}
    assert outside - listed == set(), "no row rests on these: name them in what they are used by, or here with a reason"
    assert listed & inside == set(), "take them off NO_PART"
