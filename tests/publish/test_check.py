"""Every fault that the check knows, each fed in as a bad fixture: one file of a sound course is replaced."""

import re
from pathlib import Path

import pytest

import publish.pages.check
from publish.parts.table import PARTS
from publish.sources import ledger, snippets
from publish.sources.course import Course
from publish.sources.ledger import Row
from tests.publish.conftest import Write, check

CODE = "{0} --8<-- [start:read]\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\n{0} --8<-- [end:read]\n"
SOUND = {
    "docs/page.md": "# Page\n\n::: shop/get read\n\n[It reads](proof:it_reads).\n",
    "snippets/shop/get.py": '"""Get."""\n' + CODE.format("#"),
    "snippets/shop/get.cs": "// Get.\n" + CODE.format("//"),
    "snippets/shop/get.mjs": "// Get.\n" + CODE.format("//"),
    "snippets/shop/get.out": "1\n",
    "tests/shop/test_get.py": "def test_it_reads() -> None:\n",
}
PAGE, PYTHON = "docs/page.md", "snippets/shop/get.py"
INCLUDE = "::: shop/get read\n"
ROW = Row(PYTHON, "0", "2026-01-01", {}).line()
FAILED = Row(PYTHON, "0", "2026-01-01", {}, {"it_reads": "failed"}).line()
EARLIER = Row("snippets/shop/add.py", "0", "2026-01-01", {}).line()

# name: (file, its text, where and what the check must say)
BAD: dict[str, tuple[str, str | bytes, str]] = {
    "unknown example": (PAGE, INCLUDE + "\n::: shop/got read\n", f"{PAGE}:3: snippets/shop/got.* does not exist"),
    "unknown section": (PAGE, INCLUDE + "::: shop/get write\n", f"{PAGE}:2: {PYTHON} has no section write; it has read"),
    "path leaves snippets": (PAGE, INCLUDE + "::: ../secret read\n", f"{PAGE}:2: ../secret leaves snippets/"),
    "absolute path": (PAGE, INCLUDE + "::: /etc/passwd read\n", f"{PAGE}:2: /etc/passwd leaves snippets/"),
    "malformed include": (PAGE, INCLUDE + "::: shop/get\n", f"{PAGE}:2: is no include"),
    "malformed reason": (PAGE, INCLUDE + "::: shop/get read (because)\n", f"{PAGE}:2: is no include"),
    "no stored output": (PAGE, INCLUDE + "::: shop/put output\n", f"{PAGE}:2: snippets/shop/put.out does not exist"),
    "unclosed section": (PYTHON, "# --8<-- [start:read]\na\n", f"{PYTHON}:1: section read is never closed"),
    "duplicate section": (PYTHON, CODE.format("#") * 2, f"{PYTHON}:8: section read stands here twice"),
    "overlapping sections": (
        PYTHON,
        "# --8<-- [start:read]\na\n# --8<-- [start:other]\nb\n# --8<-- [end:read]\n# --8<-- [end:other]\n",
        f"{PYTHON}:3: section other overlaps read, open since line 1",
    ),
    "section around nothing but a section": (
        PYTHON,
        "# --8<-- [start:read]\n# --8<-- [start:other]\n\n# --8<-- [end:other]\n\n# --8<-- [end:read]\n",
        f"{PYTHON}:6: section read is empty",
    ),
    "duplicate section inside itself": (
        PYTHON,
        "# --8<-- [start:read]\na\n# --8<-- [start:read]\nb\n# --8<-- [end:read]\n",
        f"{PYTHON}:3: section read stands here twice",
    ),
    "end without start": (PYTHON, CODE.format("#") + "# --8<-- [end:x]\n", f"{PYTHON}:8: ends section x, which is not"),
    "empty section": (PYTHON, "# --8<-- [start:read]\n\n# --8<-- [end:read]\n", f"{PYTHON}:3: section read is empty"),
    "malformed marker": (PYTHON, CODE.format("#") + "# --8<-- begin\n", f"{PYTHON}:8: is not a marker"),
    "section too short": (PYTHON, CODE.format("#").replace("e = 5\n", ""), f"{PYTHON}:2: section read has 4 lines; a page shows 5 to 30"),
    "section too long": (PYTHON, CODE.format("#").replace("e = 5\n", "e = 5\n" * 27), f"{PYTHON}:2: section read has 31 lines; a page shows 5 to 30"),
    "section too wide": (PYTHON, CODE.format("#").replace("b = 2\n", f"b = {'2' * 81}\n"), f"{PYTHON}:3: section read has 85 columns here; a page and a slide show 84"),
    "section too wide behind one inside it": (
        PYTHON,
        CODE.format("#").replace("b = 2\n", f"# --8<-- [start:in]\nb = 2\n# --8<-- [end:in]\nx = {'2' * 81}\n"),
        f"{PYTHON}:6: section read has 85 columns here",
    ),
    "file too long": (PYTHON, CODE.format("#") + "f = 6\n" * 196, f"{PYTHON}:1: has 201 lines without its markers; 200 are allowed"),
    "marker of another language": (PYTHON, CODE.format("//"), f"{PYTHON}:1: is not a marker"),
    "unused section": (PAGE, "# Page\n", f"{PYTHON}:2: no page shows section read"),
    "missing language": (PAGE, INCLUDE + "\n::: shop/put read\n", f"{PAGE}:3: snippets/shop/put.cs does not exist"),
    "empty snippet": (PYTHON, "\n", f"{PYTHON}:1: is empty"),
    "snippet not UTF-8": (PYTHON, b"a = 1\nb = '\xe9'\n", f"{PYTHON}:2: is not UTF-8"),
    "fence in a snippet": (PYTHON, CODE.format("#") + '"""\n```\n"""\n', f"{PYTHON}:9: begins with a Markdown fence"),
    "fence in an output": ("snippets/shop/get.out", "~~~\n", "snippets/shop/get.out:1: begins with a Markdown fence"),
    "tab in a snippet": (PYTHON, CODE.format("#") + "\tx\n", f"{PYTHON}:8: has a tab"),
    "spaces in an output": ("snippets/shop/get.out", "1\n  \n2\n", "snippets/shop/get.out:2: has a tab, or nothing but"),
    "output without a program": ("snippets/shop/gone.out", "1\n", "snippets/shop/gone.out:1: has no program beside it"),
    "section called output": (PYTHON, CODE.format("#").replace("read", "output"), f"{PYTHON}:1: a section cannot be called"),
    "code file in docs": ("docs/assets/x.py", "x = 1\n", "docs/assets/x.py:1: code belongs below snippets/"),
    "page of another suffix": ("docs/x.markdown", "x\n", "docs/x.markdown:1: code belongs below snippets/, and a page's"),
    "page not UTF-8": (PAGE, b"a\n\xe9\n", f"{PAGE}:2: is not UTF-8"),
    "ledger after a merge": (ledger.FILE, f"{ROW}\n<<<<<<< HEAD\n", f"{ledger.FILE}:2: is left of a merge; delete"),
    "ledger after another merge": (ledger.FILE, "=======\n", f"{ledger.FILE}:1: is left of a merge; delete"),
    "ledger of another shape": (ledger.FILE, "[]", f"{ledger.FILE}:1: is no row"),
    "ledger that is no JSON": (ledger.FILE, f"{ROW}\n{{\n", f"{ledger.FILE}:2: cannot be read (Expecting"),
    "ledger with an empty line": (ledger.FILE, f"{ROW}\n\n", f"{ledger.FILE}:2: cannot be read (Expecting"),
    "row without a digest": (ledger.FILE, re.sub('"digest": "0", ', "", ROW), f"{ledger.FILE}:1: the row of snippets/shop/get.py lacks digest"),
    "row with an unknown field": (ledger.FILE, ROW.replace('"date"', '"day": "", "date"'), f"{ledger.FILE}:1: the row of snippets/shop/get.py has a field day"),
    "row with a number for a text": (ledger.FILE, ROW.replace('"0"', "0"), f"{ledger.FILE}:1: the row of snippets/shop/get.py has as digest what is no text"),
    "row with a text for a list": (ledger.FILE, ROW.replace("{}", '"8"'), f"{ledger.FILE}:1: the row of snippets/shop/get.py has as versions what is no table of texts"),
    "row with a number in a list": (ledger.FILE, ROW.replace("{}", '{"Redis": 8}'), f"{ledger.FILE}:1: the row of snippets/shop/get.py has as versions what is no table of texts"),
    "edited row": (ledger.FILE, f"{ROW}\n".replace("2026", "2027"), f"{ledger.FILE}:1: the row of snippets/shop/get.py was edited"),
    "row whose failure was taken out": (ledger.FILE, re.sub(r', "failures": {.+?}', "", FAILED), f"{ledger.FILE}:1: the row of snippets/shop/get.py was edited"),
    "two rows of one program": (ledger.FILE, f"{ROW}\n{FAILED}\n", f"{ledger.FILE}:2: snippets/shop/get.py has a row in line 1 too"),
    "row out of order": (ledger.FILE, f"{ROW}\n{EARLIER}\n", f"{ledger.FILE}:2: snippets/shop/add.py is out of order"),
    "allow-list of another shape": ("docs/_course/allowed-code.yml", "page: x\n", "docs/_course/allowed-code.yml:1: is a list of"),
    "allow-list without a reason": (
        "docs/_course/allowed-code.yml",
        "- page: docs/page.md\n  code: x\n",
        "docs/_course/allowed-code.yml:1: is a list of",
    ),
    "binary YAML": ("docs/_course/x.yml", b"a: \x00\n", "docs/_course/x.yml:1: is not valid YAML"),
    "reason for a language that is there": (PAGE, INCLUDE[:-1] + " (no C#: x)\n", f"{PAGE}:1: gives a reason for the lack of C#"),
    "reason for an unknown language": (PAGE, INCLUDE[:-1] + " (no Ruby: x)\n", f"{PAGE}:1: gives a reason for the lack of Ruby"),
    "include in a quote": (PAGE, INCLUDE + "\n> ::: shop/get read\n", f"{PAGE}:3: is no include"),
    "include in a list": (PAGE, INCLUDE + "\n- ::: shop/get read\n", f"{PAGE}:3: is no include"),
    "include between tabs": (PAGE, INCLUDE + "\n  ::: shop/get read\n", f"{PAGE}:3: is no include"),
    "claim in a heading": (PAGE, INCLUDE + "\n## [A](proof:it_reads)\n", f"{PAGE}:3: a claim stands in running text"),
    "claim in a title": (PAGE, INCLUDE + '\n!!! note "[A](proof:it_reads)"\n', f"{PAGE}:3: a claim stands in running text"),
    "claim in code": (PAGE, INCLUDE + "\n`[A](proof:it_reads)`\n", f"{PAGE}:3: a claim stands in running text"),
    "claim in code beside one that is right": (PAGE, INCLUDE + "\n[A](proof:it_reads) `[A](proof:it_reads)`\n", f"{PAGE}:3: a claim stands in running text"),
    "claim in code with a backtick": (PAGE, INCLUDE + "\n``a ` [A](proof:it_reads)``\n", f"{PAGE}:3: a claim stands in running text"),
    "claim in a link": (PAGE, INCLUDE + "\n[see [A](proof:it_reads)](x.md)\n", f"{PAGE}:3: a claim stands in running text"),
    "unclosed fence": (PAGE, INCLUDE + "\n```mermaid\nflowchart LR\n", f"{PAGE}:3: opens a fence that is never closed"),
    "fence in a list": (PAGE, INCLUDE + "\n- ```\n  x\n  ```\n", f"{PAGE}:3: is code that no test has run"),
    "file of an unknown kind": ("snippets/shop/notes.txt", "x", "snippets/shop/notes.txt:1: is of no kind"),
    "fence": (PAGE, INCLUDE + "\n```python\nx\n```\n", f"{PAGE}:3: is code that no test has run"),
    "tilde fence": (PAGE, INCLUDE + "\n~~~\nx\n~~~\n", f"{PAGE}:3: is code that no test has run"),
    "fence in an admonition": (PAGE, INCLUDE + "\n!!! note\n\n    ```\n    x\n    ```\n", f"{PAGE}:5: is code that no"),
    "fence in a quote": (PAGE, INCLUDE + "\n> ```\n> x\n> ```\n", f"{PAGE}:3: is code that no test has run"),
    "indented block": (PAGE, INCLUDE + "\nWords.\n\n    x = 1\n", f"{PAGE}:5: is an indented code block"),
    "indented block in a list": (PAGE, INCLUDE + "\n- Words.\n\n        x = 1\n", f"{PAGE}:5: is an indented code block"),
    "pre element": (PAGE, INCLUDE + "\n<pre>x</pre>\n", f"{PAGE}:3: is HTML code that no test has run"),
    "marker in a page": (PAGE, INCLUDE + '\n--8<-- "x"\n', f"{PAGE}:3: `--8<--` marks sections inside snippets"),
    "unknown proof": (PAGE, INCLUDE + "[A](proof:no_such_test).\n", f"{PAGE}:2: no test is called no_such_test"),
    "malformed claim": (PAGE, INCLUDE + "[A](proof:it-reads).\n", f"{PAGE}:2: a claim is written [words](proof:"),
    "failed proof": (PAGE, INCLUDE + "[A](proof:it_fails).\n", f"{PAGE}:2: its proof it_fails failed (tests/shop/test_put.py:2)"),
    "skipped proof": (PAGE, INCLUDE + "[A](proof:it_skips).\n", f"{PAGE}:2: its proof it_skips skipped (tests/shop/test_put.py:1)"),
    "ambiguous proof": ("tests/shop/test_put.py", "def test_it_reads()\n", f"{PAGE}:5: several examples have a test called"),
    "broken YAML": ("docs/_course/x.yml", "a: 1\nb: [\n", "docs/_course/x.yml:3: is not valid YAML"),
    "control character in YAML": ("docs/_course/x.yml", "a: 1\nb: \x07\n", "docs/_course/x.yml:2: is not valid YAML: unacceptable"),
    "time that is none": ("docs/_course/x.yml", "a: 1\nb:\n  - !!timestamp soon\n", "docs/_course/x.yml:3: is not valid YAML: 'soon' is no timestamp"),
    "truth that is none": ("docs/_course/x.yml", "a: 1\n? !!bool maybe\n: 1\n", "docs/_course/x.yml:2: is not valid YAML: 'maybe' is no bool"),
    "number that is none": ("docs/_course/x.yml", "a: 1\nb: !!int ''\n", "docs/_course/x.yml:2: is not valid YAML: '' is no int"),
    "number of many digits": ("docs/_course/x.yml", f"a: 1\nb: {'9' * 5000}\n", "docs/_course/x.yml:2: is not valid YAML: Exceeds"),
    "binary that is none": ("docs/_course/x.yml", "a: 1\nb: !!binary x\n", "docs/_course/x.yml:2: is not valid YAML: failed to decode"),
    "object of Python": ("docs/_course/x.yml", "a: 1\nb: !!python/object:os.x {}\n", "docs/_course/x.yml:2: is not valid YAML: could not"),
    "alias of itself": ("docs/_course/x.yml", "a: 1\nb: &x\n  c: *x\n", "docs/_course/x.yml:3: is not valid YAML: *x stands for what"),
    "data of another suffix": ("docs/_course/x.yaml", "a: 1\n", "docs/_course/x.yaml:1: is not read; below docs/_course/ a name ends"),
    "allow-list with a field twice": (
        "docs/_course/allowed-code.yml",
        "- page: docs/page.md\n  code: x\n  code: y\n  reason: z\n",
        "docs/_course/allowed-code.yml:3: an entry has code twice",
    ),
    "test not UTF-8": ("tests/shop/test_get.py", b"def test_it_reads()\n# \xe9\n", "tests/shop/test_get.py:2: is not UTF-8"),
    "test in C# not UTF-8": ("tests/shop/GetTests.cs", b"//\n// \xe9\n", "tests/shop/GetTests.cs:2: is not UTF-8"),
    "test in Node.js not UTF-8": ("tests/shop/get.test.mjs", b"//\n// \xe9\n", "tests/shop/get.test.mjs:2: is not UTF-8"),
    "contract not UTF-8": (ledger.CONTRACT, b"#\n# \xe9\n", f"{ledger.CONTRACT}:2: is not UTF-8"),
    "front matter no YAML": (PAGE, f"---\ntitle: A: b\n---\n{INCLUDE}", f"{PAGE}:2: its front matter is not valid YAML"),
    "front matter no mapping": (PAGE, f"---\n- a\n---\n{INCLUDE}", f"{PAGE}:2: its front matter is a list of `key: value`"),
    "front matter with a key twice": (PAGE, f"---\ntitle: a\ntitle: b\n---\n{INCLUDE}", f"{PAGE}:3: the front matter has title twice"),
    "front matter without an end": (PAGE, f"---\ntitle: a\n{INCLUDE}", f"{PAGE}:1: begins with ---, and there is no second line"),
    "words that pass for front matter": (PAGE, f"Note: all of it.\n{INCLUDE}", f"{PAGE}:1: begins with a word and a colon"),
    "diagram without a title": (
        PAGE,
        INCLUDE + "\n```mermaid\nflowchart LR\n  a --> b\n```\n",
        f"{PAGE}:3: ",
    ),
}  # fmt: skip


@pytest.fixture
def course(write: Write) -> Path:
    """A sound course, and beside it an example that no page shows yet."""
    files = {
        **SOUND,
        "snippets/shop/put.py": '"""Put."""\na = 1\n',
        "tests/shop/test_put.py": "def test_it_skips()\ndef test_it_fails()\n",
    }
    root = write(files)
    put = snippets.read(root).examples["shop/put"][".py"]
    failures = {"it_fails": "failed", "it_skips": "skipped"}
    ledger.save(root, {put.path: Row(put.path, ledger.Ledger(root).digest(put), "2026-01-01", {}, failures)})
    return root


def test_sound_course_has_no_faults(course: Path) -> None:
    assert check(course) == []


@pytest.mark.parametrize("name", BAD)
def test_bad_fixture_is_refused_with_file_and_line(course: Path, name: str) -> None:
    path, text, expected = BAD[name]
    (course / path).parent.mkdir(parents=True, exist_ok=True)
    (course / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    faults = check(course)
    assert any(fault.startswith(expected) for fault in faults), faults


def test_check_leaves_the_course_as_it_was(course: Path) -> None:
    (course / PAGE).write_text(INCLUDE + "\n::: shop/got read\n", "utf-8")
    read = Course(course)
    assert len(publish.pages.check.check(read, PARTS)) == 1
    assert [*read.faults, *read.snippets.faults, *read.ledger.faults, *read.collected.faults] == []


def test_link_out_of_snippets_is_refused(course: Path) -> None:
    outside = course / "outside.py"
    outside.write_text("secret = 1\n", "utf-8")
    (course / "snippets/shop/link.py").symlink_to(outside)
    assert check(course) == ["snippets/shop/link.py:1: is a link that leaves snippets/; put the file itself here"]


@pytest.mark.parametrize("path", ["snippets/shop/link.py", "docs/link.md", "docs/_course/link.yml", "docs/link.png"])
@pytest.mark.parametrize("goal", ["nowhere", "link.py"])
def test_link_to_nothing_is_refused(course: Path, path: str, goal: str) -> None:
    """Whatever is missing: what it names, or all but itself."""
    (course / path).parent.mkdir(exist_ok=True)
    (course / path).symlink_to(goal.replace("link.py", Path(path).name))
    assert check(course) == [f"{path}:1: is a link that leads nowhere; remove it, or put the file itself here"]


def test_test_that_is_a_folder_is_refused(course: Path) -> None:
    (course / "tests/shop/GetTests.cs").mkdir()
    assert check(course) == ["tests/shop/GetTests.cs:1: cannot be read: Is a directory"]


def test_front_matter_of_a_slide_is_read_with_the_slide(course: Path) -> None:
    """To look at it as at a page's would tell each of its faults twice."""
    (course / "docs/_course/slides/x").mkdir(parents=True)
    (course / "docs/_course/slides/x/1.md").write_text("---\na: b: c\n---\n", "utf-8")
    assert [fault.partition(";")[0] for fault in check(course)] == [
        "docs/_course/slides/x/1.md:1: lies in no section's folder"
    ]


def test_missing_language_is_accepted_with_a_reason(course: Path) -> None:
    reason = "(no C#: not there; no Node.js: not there)"
    page = course / PAGE
    page.write_text(page.read_text("utf-8") + f"\n::: shop/put read {reason}\n", "utf-8")
    (course / "snippets/shop/put.py").write_text('"""Put."""\n' + CODE.format("#"), "utf-8")
    assert check(course) == []


def test_all_that_a_page_has_room_for_is_accepted(course: Path) -> None:
    wide = f"b = {'2' * 80}\n"
    text = '"""Get."""\n' + CODE.format("#").replace("b = 2\n", wide * 26) + "f = 6\n" * 129
    (course / PYTHON).write_text(text, "utf-8")
    assert check(course) == []


def test_strict_refuses_what_was_never_run(course: Path) -> None:
    faults = check(course, strict=True)
    assert "snippets/shop/get.py:1: was never run; run `make test`" in faults


def test_strict_refuses_a_diagram_that_is_not_drawn(course: Path) -> None:
    page = course / PAGE
    diagram = "```mermaid\nflowchart LR\n  accTitle: T\n  accDescr: D\n  a --> b\n```\n"
    page.write_text(page.read_text("utf-8") + diagram, "utf-8")
    assert check(course) == []
    assert "docs/page.md:6: this diagram is not drawn; run `make diagrams`" in check(course, strict=True)


def test_code_in_words_is_no_code(course: Path) -> None:
    page = course / PAGE
    page.write_text(page.read_text("utf-8") + "\nThe `<pre>` element.\n", "utf-8")
    assert check(course) == []


def test_claim_may_stand_between_pieces_of_code(course: Path) -> None:
    (course / PAGE).write_text(INCLUDE + "\n`GET`: [it `reads`](proof:it_reads), as `MGET`.\n", "utf-8")
    assert check(course) == []


def test_code_on_the_list_is_accepted(course: Path) -> None:
    page = course / PAGE
    page.write_text(page.read_text("utf-8") + "\n```bash\nmake test\n```\n", "utf-8")
    (course / "docs/_course").mkdir()
    entry = "- page: docs/page.md\n  code: make test\n  reason: a shell command\n"
    (course / "docs/_course/allowed-code.yml").write_text(entry, "utf-8")
    assert check(course) == []


@pytest.mark.parametrize(
    "text", ["- a\n\n    b\n", "1. a\n\n    - b\n\n        c\n", "!!! note\n\n    a\n\n    b\n", '=== "A"\n\n    b\n']
)
def test_indented_text_in_containers_is_no_code(course: Path, text: str) -> None:
    page = course / PAGE
    page.write_text(page.read_text("utf-8") + "\n" + text, "utf-8")
    assert check(course) == []
