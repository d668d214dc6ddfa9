"""The table of languages, and what follows from a row: here *Python (async)*, whose suffix ends in another's."""

import re
import shutil
from pathlib import Path

import pytest

from harness import foreign, toolchain
from publish.parts.library_page import controls
from publish.parts.slide_code import presented
from publish.sources import languages, snippets
from publish.sources.course import Course
from publish.sources.languages import LANGUAGES, PROGRAMMING, PYTHON, PYTHON_ASYNC
from tests.publish.conftest import Prove, Write, check, expand

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = '"""Get."""\n# --8<-- [start:read]\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\n# --8<-- [end:read]\n'
PAGE = "docs/page.md"
REASON = "(no C#: none there; no Node.js: none there)"
ASYNC = "snippets/shop/get_async.py"
SOUND = {
    PAGE: f"# Page\n\n::: shop/get read {REASON}\n\n[It reads](proof:it_reads).\n",
    "snippets/shop/get.py": CODE,
    ASYNC: CODE,
    "snippets/shop/get.out": "1\n",
    "tests/shop/test_get.py": "def test_it_reads() -> None:\n",
    "tests/shop/test_get_async.py": "\n\ndef test_it_reads() -> None:\n",
}


@pytest.fixture
def course(write: Write, prove: Prove) -> Path:
    """An example in Python and, beside it, in Python with asyncio."""
    root = write(SOUND)
    prove("snippets/shop/get.py", ASYNC)
    return root


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("snippets/shop/get.py", ".py"),
        ("snippets/shop/get_async.py", "_async.py"),
        ("tests/shop/test_get_async.py", "_async.py"),
        ("snippets/shop/_async.py", ".py"),  # an example has a name
        ("snippets/shop/get_async.cs", ".cs"),
        ("tests/shop/get.test.mjs", ".mjs"),
        ("snippets/shop_async.py/get.txt", ""),
        ("snippets/shop/.py", ""),
        ("snippets/shop/get.out", ""),
    ],
)
def test_longest_suffix_that_fits_decides(path: str, found: str) -> None:
    assert languages.suffix(path) == found


def test_no_two_languages_can_be_mistaken_for_each_other() -> None:
    for name in ("key", "label"):
        values = [getattr(language, name) for language in LANGUAGES.values()]
        assert len({*values}) == len(values), name
    programs = [language for language in LANGUAGES.values() if not language.transcript]
    assert len({language.test_file for language in programs}) == len(programs)


def test_optional_language_is_a_variant_of_one_that_each_example_owes() -> None:
    """The label says which: scripts show it in place of the variant."""
    owed = {language.label for language in PROGRAMMING}
    variants = [language.label for language in LANGUAGES.values() if language.optional]
    assert "Python (async)" in variants
    assert {re.sub(r" \(.+\)$", "", label) for label in variants} <= owed - {*variants}


def test_every_row_names_what_there_is() -> None:
    for language in LANGUAGES.values():
        assert language.test_runner in ("", *foreign.RUNNERS), language.label
        assert toolchain.has(language.tool) is (not language.tool or bool(shutil.which(language.program)))
        assert bool(language.tool) is bool(language.get), language.label
        if not language.transcript:
            assert re.search(language.locked, (ROOT / language.lock).read_text("utf-8"), re.MULTILINE), language.label


def test_tests_are_known_by_their_names() -> None:
    assert PYTHON_ASYNC.is_test("tests/shop/test_get_async.py")
    assert not PYTHON_ASYNC.is_test("tests/shop/get_async.py")
    assert not PYTHON_ASYNC.is_test("tests/shop/test_get.py")
    assert languages.CSHARP.is_test("tests/shop/GetTests.cs")
    assert not languages.NODE.is_test("tests/shop/callers.mjs")


def test_two_languages_with_one_extension_are_one_example(course: Path) -> None:
    library = snippets.read(course)
    assert list(library.examples) == ["shop/get"]
    assert [snippet.language for snippet in library.files] == [PYTHON, PYTHON_ASYNC]
    assert check(course) == []


def test_variant_alone_is_an_example_too(course: Path) -> None:
    (course / "snippets/shop/get.py").unlink()
    faults = check(course)
    assert [fault.partition(";")[0] for fault in faults] == [f"{PAGE}:3: snippets/shop/get.py does not exist"]


# name: (file, its text, where and what the check must say)
BAD = {
    "section that the variant lacks": (ASYNC, '"""Get."""\n', f"{PAGE}:3: {ASYNC} has no section read; it has "),
    "section that the variant alone has": (
        ASYNC, CODE + CODE.replace("read", "await"), f"{ASYNC}:10: no page shows section await"),
    "reason for a variant that is there": (
        PAGE, f"::: shop/get read {REASON[:-1]}; no Python (async): x)\n",
        f"{PAGE}:1: gives a reason for the lack of Python (async), which is there"),
    "output of the variant alone": (
        "snippets/shop/get_async.out", "1\n", "snippets/shop/get_async.out:1: has no program beside it"),
    "variant in docs": ("docs/get_async.py", CODE, "docs/get_async.py:1: code belongs below snippets/"),
    "transcript beside a variant": (
        "snippets/shop/get.redis", "# Get.\n> GET a\n", "snippets/shop/get.redis:1: is a transcript, which stands alone"),
    "unknown kind": (
        "snippets/shop/get.txt", "x\n",
        "snippets/shop/get.txt:1: is of no kind that the course knows (.py, .cs, .mjs, _async.py, .redis, .out)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_fixture_is_refused_with_file_and_line(course: Path, name: str) -> None:
    path, text, expected = BAD[name]
    (course / path).write_text(text, "utf-8")
    faults = check(course)
    assert any(fault.startswith(expected) for fault in faults), faults


def test_optional_language_is_absent_without_a_reason_or_with_one(course: Path) -> None:
    for file in (ASYNC, "tests/shop/test_get_async.py"):
        (course / file).unlink()
    assert check(course) == []
    assert "async" not in expand(course, (course / PAGE).read_text("utf-8"))
    (course / PAGE).write_text(f"::: shop/get read {REASON[:-1]}; no Python (async): it waits for nothing)\n", "utf-8")
    assert check(course) == []
    page = expand(course, (course / PAGE).read_text("utf-8"))
    assert "Not shown in Python (async): it waits for nothing." in page


def test_variant_has_its_tab_its_proof_its_badge_and_its_source(course: Path) -> None:
    page = expand(course, SOUND[PAGE] + "\n::: shop/get output\n")
    assert page.index('===! "Python"\n') < page.index('=== "Python (async)"\n')
    assert "](/source/snippets/shop/get_async.py.md#__codelineno-0-3)" in page
    assert "`python get_async.py`" in page
    assert '<span class="proof-language">Python (async)</span> [test_get_async.py:3]' in page
    assert '; Python (async): <span class="badge passed">' in page


def test_library_offers_the_variant_by_itself(course: Path) -> None:
    form = controls(Course(course), {})
    options = re.findall(r'<option value="([^"]*)">([^<]*)</option>', form.partition("Topic")[0])
    assert options == [("", "All"), ("python", "Python"), ("python-async", "Python (async)")]


def test_slides_show_an_optional_language_only_where_there_is_no_other(course: Path) -> None:
    assert [one.language for one in presented(snippets.read(course), "shop/get")] == [PYTHON]
    (course / "snippets/shop/get.py").unlink()
    assert [one.language for one in presented(snippets.read(course), "shop/get")] == [PYTHON_ASYNC]
    assert presented(snippets.read(course), "shop/got") == []
