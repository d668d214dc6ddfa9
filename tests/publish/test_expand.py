"""What the press makes of an include, a claim and a page, on a small course of its own."""

from dataclasses import replace
from pathlib import Path

import pytest

from publish.pages.expand import absent
from publish.sources import ledger
from publish.sources.includes import Include, parse
from tests.publish.conftest import Prove, Write, expand

CODE = "{0} --8<-- [start:read]\nif a:\n    b = '<2>'\n{0} --8<-- [end:read]\n\n\n{0} end\n"
FILES = {
    "snippets/shop/get.py": "# dependencies = [\"redis==1.2.3\", 'flask']\n".replace("'", '"') + CODE.format("#"),
    "snippets/shop/get.mjs": "// npm install ioredis@6.0.0\n" + CODE.format("//"),
    "snippets/shop/get.out": "1\n2\n",
    "tests/shop/test_get.py": "\ndef test_it_reads() -> None:\n    pass\n",
    "tests/shop/get.test.mjs": 'test("it_reads", () => {});\n',
}


@pytest.fixture
def course(write: Write, prove: Prove) -> Path:
    root = write(FILES)
    prove("snippets/shop/get.py", "snippets/shop/get.mjs")
    return root


def test_include_becomes_a_tab_for_each_language(course: Path) -> None:
    page = expand(course, "::: shop/get read (no C#: no server there)\n")
    assert page.index('===! "Python"') < page.index('=== "Node.js"')
    assert '"C#"' not in page, "no tab without code"
    assert (
        '    ```{ .python title="snippets/shop/get.py" data-search-exclude="" }\n    if a:\n        b = \'<2>\'\n    ```\n'
        in page
    )
    assert page.index("\nNot shown in C#: no server there.\n{: .absent") > page.index('=== "Node.js"')


def test_reason_that_two_languages_share_is_said_once() -> None:
    assert absent(Include("", "a", "b", {"C#": "x", "Node.js": "x"})) == "Not shown in C# or Node.js: x."
    assert absent(Include("", "a", "b", {"C#": "x", "Node.js": "y"})) == "Not shown in C#: x. Not shown in Node.js: y."


def test_provenance_says_what_ran_and_how_to_run_it(course: Path) -> None:
    page = expand(course, "::: shop/get read (no C#: x)\n")
    assert (
        "Ran 2026-01-02</span> on Redis 8 · lines 3–4 of the [source](/source/snippets/shop/get.py.md#__codelineno-0-3)"
        in page
    )
    assert "· `pip install redis==1.2.3 flask` then `python get.py`" in page
    assert "· `npm install ioredis@6.0.0` then `node get.mjs`" in page


def test_blocks_beside_each_other_keep_their_own_tabs(course: Path) -> None:
    page = expand(course, "::: shop/get read (no C#: x)\n\n::: shop/get read (no C#: x)\n")
    assert page.count('===! "Python"') == 2
    assert page.count('data-file="snippets/shop/get.mjs"') == 2


def test_output_is_the_stored_one_and_names_the_languages(course: Path) -> None:
    page = expand(course, "::: shop/get output\n")
    assert '```{ .text title="What it printed" data-search-exclude="" }\n1\n2\n```' in page
    assert "Python: <span" in page
    assert "; Node.js: <span" in page


def test_claim_opens_to_its_tests(course: Path) -> None:
    page = expand(course, "So [it really reads](proof:it_reads), always.\n")
    assert 'it really <span class="nowrap">reads<button' in page
    assert "</button>,</span>" in page
    assert "Proof: it_reads, passed" in page
    assert "[test_get.py:2](/source/tests/shop/test_get.py.md#__codelineno-0-2)" in page
    assert "[get.test.mjs:1](/source/tests/shop/get.test.mjs.md#__codelineno-0-1)" in page


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("([works](proof:it_reads))", '(<span class="nowrap">works<button'),
        ("[it sends `SET k v`](proof:it_reads).", 'it sends `SET k v`<span class="nowrap"><button'),
        ("[it is **very good**](proof:it_reads)", 'it is **very good**<span class="nowrap"><button'),
    ],
)
def test_claim_keeps_its_markdown_whole(course: Path, claim: str, expected: str) -> None:
    assert expected in expand(course, claim + "\n")


@pytest.mark.parametrize("path", ["snippets/shop/get.py", "tests/shop/test_get.py", "snippets/shop/get.out"])
def test_badge_falls_off_when_anything_it_rests_on_changes(course: Path, path: str) -> None:
    include = "::: shop/get read (no C#: x)\n"
    assert "Not run here" not in expand(course, include)
    (course / path).write_text((course / path).read_text("utf-8") + "changed = 1\n", "utf-8")
    assert "Not run here" in expand(course, include)


def test_badge_names_every_server_and_says_what_does_not_hold_on_one(course: Path) -> None:
    row = ledger.Ledger(course).rows["snippets/shop/get.py"]
    servers = {"7.4": "7.4.1", "Valkey 9": "9.1.2", "cluster": "8.2.3"}
    versions = {"Redis": "8.2.3", "redis-py": "8.1.0"}
    new = replace(row, versions=versions, servers=servers, differs={"cluster": ["it_reads"]})
    ledger.save(course, {row.path: new})
    page = expand(course, "::: shop/get read (no C#: x)\n\n[It reads](proof:it_reads).\n")
    assert "</span> on Redis 8.2, 7.4, Valkey 9, cluster in part, redis-py 8.1.0" in page
    assert "passed 2026-01-02 · not on cluster</span>" in page


def test_a_failed_test_takes_the_badge(course: Path) -> None:
    row = ledger.Ledger(course).rows["snippets/shop/get.py"]
    ledger.save(course, {row.path: replace(row, failures={"it_reads": "failed"})})
    page = expand(course, "::: shop/get read (no C#: x)\n\n[It reads](proof:it_reads).\n")
    assert "did not pass: it_reads" in page
    assert "Proof: it_reads, not proved" in page


def test_fences_are_left_as_they_are(course: Path) -> None:
    fence = "````text\n::: shop/get read\n[x](proof:it_reads)\n````\n"
    assert expand(course, fence).startswith(fence.rstrip())


@pytest.mark.parametrize("line", ["::: a", ":::a b", "::: a b c", "::: a b (because)", "::: a b (no C#)"])
def test_what_is_no_include(line: str) -> None:
    assert parse(line) is None
