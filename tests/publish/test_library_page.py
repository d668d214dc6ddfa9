"""What the snippet library says of a program, on a small course of its own; and what it refuses."""

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publish.generator import in_order
from publish.pages.protocol import Site
from publish.parts import library_page
from publish.sources import ledger
from publish.sources.course import Course
from publish.sources.languages import PROGRAMMING
from tests.publish.conftest import ROOT, Prove, Write

FILES = {
    "docs/shop/carts.md": "# Carts & more\n",
    "snippets/shop/carts/get.py": '# /// script\n# dependencies = ["redis==1.2.3"]\n# ///\n"""Get a <cart>."""\n\na = 1\n',
    "snippets/shop/carts/get.cs": "#:package X@1\n#:property P=false\n// Get a <cart>.\n\n// --8<-- [start:x]\na;\n// --8<-- [end:x]\n",
    "snippets/other/put.mjs": "// npm install ioredis@6.0.0\n// Put it back.\n\na;\n",
    "tests/shop/carts/test_get.py": "\ndef test_it_reads() -> None:\n    pass\n",
}


@pytest.fixture
def course(write: Write, prove: Prove) -> Path:
    root = write(FILES)
    prove("snippets/shop/carts/get.py")
    return root


def made(root: Path) -> dict[str, Any]:
    nav = ["index.md", {"Shop": ["a.md", {"Carts": "shop/carts.md"}]}, {"Rest": "other.md"}]
    return library_page.pages(Course(root), Site("Carts", "", in_order(nav), (), [], {}))


def cards(page: str) -> dict[str, str]:
    found = re.findall(r'<li class="program".*?</p>\n</li>', page, re.DOTALL)
    return {re.search(r">([^<>]+)</a></h3>", card)[1]: card for card in found}  # type: ignore[index]


def test_each_program_has_a_card_with_what_a_reader_needs(course: Path) -> None:
    page = made(course)["snippets/index.md"]
    found = cards(page)
    assert list(found) == ["get.py", "get.cs", "put.mjs"]  # as the navigation has their topics
    python = found["get.py"]
    assert 'data-language="python" data-topic="shop/carts"' in python
    assert "<p>Get a &lt;cart&gt;.</p>" in python
    assert "<code>pip install redis==1.2.3</code><code>python get.py</code>" in python
    assert "Ran 2026-01-02</span> on Redis 8" in python
    assert '<a href="../source/tests/shop/carts/test_get.py.html#__codelineno-0-2">it reads</a>' in python
    assert "1 proof, passed" in python
    assert "Not run here" in found["get.cs"]
    assert "proof" not in found["get.cs"]
    assert '<a href="shop/carts/get.cs" download' in found["get.cs"]


def test_a_failed_proof_is_counted_and_named(course: Path) -> None:
    row = ledger.Ledger(course).rows["snippets/shop/carts/get.py"]
    ledger.save(course, {row.path: replace(row, failures={"it_reads": "failed"})})
    card = cards(made(course)["snippets/index.md"])["get.py"]
    assert "1 proof, 0 passed" in card
    assert '<span class="badge stale">failed</span>' in card


def test_topics_are_the_pages_and_only_languages_in_use_are_offered(course: Path) -> None:
    page = made(course)["snippets/index.md"]
    assert '<a href="../shop/carts.html">Carts &amp; more</a></h2>' in page
    assert '<h2 id="other">other</h2>' in page  # it has no page yet
    assert '<option value="shop/carts">Carts &amp; more</option>' in page
    assert [label for label in re.findall(r'<option value="\w+">(.+?)<', page) if "Carts" not in label] == [
        "Python",
        "C#",
        "Node.js",
        "other",
    ]
    (course / "snippets/other/put.mjs").unlink()
    assert "Node.js" not in made(course)["snippets/index.md"]


def test_zip_holds_each_file_as_a_reader_keeps_it_and_is_the_same_each_time(course: Path) -> None:
    data = made(course)["snippets/all.zip"]
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        texts = {name: package.read(name).decode() for name in package.namelist()}
    whole = {snippet.path.removeprefix("snippets/"): snippet.whole for snippet in Course(course).snippets.files}
    readme = texts.pop("README.txt")
    assert texts == whole
    assert "--8<--" not in "".join(texts.values())
    assert "shop/carts/get.py\n  Get a <cart>.\n    pip install redis==1.2.3\n    python get.py\n" in readme
    for file in course.rglob("*.*"):
        file.touch()
    assert made(course)["snippets/all.zip"] == data


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("snippets/shop/carts/get.py", "a = 1\n"),
        ("snippets/shop/carts/get.py", 'a = 1\n"""Too late."""\n'),
        ("snippets/shop/carts/get.py", '"""\nNot on its first line."""\n'),
        ("snippets/shop/carts/get.cs", "#:package X@1\n\na;\n// Too late.\n"),
        ("snippets/shop/carts/get.cs", "#:package X@1\n// --8<-- [start:x]\na;\n// --8<-- [end:x]\n"),
        ("snippets/other/put.mjs", "// npm install ioredis@6.0.0\n\na;\n"),
        ("snippets/other/put.mjs", "// npm install ioredis@6.0.0\n// --8<-- [start:x]\na;\n// --8<-- [end:x]\n"),
    ],
)
def test_a_program_that_does_not_say_what_it_is_for_is_refused(course: Path, path: str, text: str) -> None:
    assert library_page.PART.check(Course(course)) == []
    (course / path).write_text(text, "utf-8")
    assert [str(fault).split(";")[0] for fault in library_page.PART.check(Course(course))] == [
        f"{path}:1: does not say what it is for"
    ]


def test_every_program_of_the_course_says_what_it_is_for() -> None:
    found = Course(ROOT).snippets.files
    assert {snippet.language.suffix for snippet in found} >= {language.suffix for language in PROGRAMMING}
    assert all(len(library_page.purpose(snippet)) > 20 for snippet in found)
