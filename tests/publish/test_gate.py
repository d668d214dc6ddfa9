"""Each thing that the gate refuses, fed in as a built page, told at its source; and a sound one that it lets through."""

import shutil
from pathlib import Path

import pytest

from publish.pages import gate
from publish.sources import ledger, snippets
from publish.sources.course import Course
from publish.sources.files import Fault

CODE = "{0} --8<-- [start:read]\na = 1\nb = 2\n{0} --8<-- [end:read]\n"
SOUND = """<html><body><h1 id="top">A</h1>
<pre><code><a id="l1"></a>a = 1
b = 2
</code></pre><a href="b.html#there">b</a> <a href="https://example.com/">out</a>
<figure class="diagram"><svg><title>T</title><desc>D</desc></svg></figure></body></html>"""

# name: (what is added to the sound page, what the gate must say)
BAD = {
    "unverified block": ("<pre><code>c = 3</code></pre>", "a code block that is in no snippet, output or allow-list: c = 3"),
    "changed block": ("<pre><code>a = 1\nb = 3</code></pre>", "a code block that is in no snippet"),
    "pre without code": ("<pre>c = 3</pre>", "a code block that is in no snippet"),
    "empty block": ("<pre><code> \n</code></pre>", "an empty code block"),
    "literal marker": ("<p>--8&lt;-- x</p>", "a literal '--8<--' that should have been expanded"),
    "literal include": ("<p>\n::: shop/get read</p>", "a literal '::: shop/get read'"),
    "literal claim": ("<p>[x](proof:y)</p>", "a literal '](proof:'"),
    "literal tab": ('<p>=== "Python"</p>', "a literal '=== \"' that should have been expanded"),
    "literal fence": ("<p>```python x</p>", "a literal '```'"),
    "torn claim": ("<p>[x.py:1](/source/x.md)</p>", "a literal '](/source/'"),
    "code in another element": ("<xmp>c = 3</xmp>", "a block of code in <xmp>"),
    "hidden code": ("<template><pre><code>c = 3</code></pre></template>", "a block of code in <template>"),
    "lines of inline code": ("<p><code>a = 1\nc = 3</code></p>", "a block of code in <code>"),
    "lines of code by hand": ("<p><code>a = 1</code><br><code>c = 3</code></p>", "lines of code that are no block"),
    "lines in one span": ("<p><code>a = 1<br>c = 3</code></p>", "lines of code that are no block"),
    "prose that keeps its lines": ('<p style="white-space: pre-wrap">a = 1</p>', "lines of code that are no block"),
    "key that is code": ("<kbd>c = 3</kbd>", "a block of code in <kbd>"),
    "page in a page": ("<iframe srcdoc='&lt;pre&gt;c = 3&lt;/pre&gt;'></iframe>", "a block of code in <iframe>"),
    "rest of the page as code": ("<plaintext>c = 3", "a block of code in <plaintext>"),
    "other style sheet elsewhere": ('<link rel="alternate stylesheet" href="//cdn.example/x.css">', "<link href> loads from"),
    "literal behind a tag": ('<p>x<br>::: shop/get read</p>', "a literal '::: shop/get read'"),
    "script elsewhere": ('<script src="https://cdn.example/x.js"></script>', "<script src> loads from another host"),
    "image without scheme": ('<img src="//cdn.example/x.png">', "<img src> loads from another host"),
    "image set": ('<img srcset="a.png 1x, https://cdn.example/x.png 2x">', "<img srcset> loads from another host"),
    "video's picture": ('<video poster="https://cdn.example/x.png"></video>', "<video poster> loads from another host"),
    "object": ('<object data="//cdn.example/x.svg"></object>', "<object data> loads from another host"),
    "style sheet elsewhere": ('<link rel="stylesheet" href="https://cdn.example/x.css">', "<link href> loads from another host"),
    "preconnect": ('<link rel="preconnect" href="https://fonts.example">', "<link href> loads from another host"),
    "inline style": ('<p style="background:url(https://x.example/a.png)">x</p>', "<p> has a style that loads from another"),
    "style element": ("<style>@import 'https://x.example/a.css';</style>", "<style> has a style that loads from another"),
    "dead link": ('<a href="c.html">c</a>', "a link to c.html, which does not exist"),
    "wrong case": ('<a href="B.html">b</a>', "a link to B.html, which does not exist"),
    "dead anchor": ('<a href="b.html#nowhere">b</a>', "a link to b.html#nowhere: the page has no such anchor"),
    "dead anchor here": ('<a href="#nowhere">b</a>', "a link to #nowhere: the page has no such anchor"),
    "anchor in the wrong case": ('<a href="b.html#There">b</a>', "a link to b.html#There: the page has no such anchor"),
    "diagram not rendered": ('<div class="mermaid">flowchart</div>', "a diagram that is not rendered"),
    "diagram without words": ('<figure class="diagram"><svg></svg></figure>', "a diagram without a title"),
    "diagram without a description": ('<figure class="diagram"><svg><title>T</title></svg></figure>', "a diagram without a"),
    "heavy diagram": (
        '<figure class="diagram"><svg><title>T</title><desc>D</desc>'
        + "".join(f"<path d='M{i * i * 7919 % 99991}'/>" for i in range(6000))
        + "</svg></figure>",
        "a diagram of ",
    ),
}  # fmt: skip


# name: (a line of Markdown, the HTML that it becomes): the line is what the gate must name
PLACES = {
    "outside image": ("![x](https://cdn.example/x.png)", '<img src="https://cdn.example/x.png">'),
    "outside style": (
        '<p style="background:url(https://x.example/a.png)">x</p>',
        '<p style="background:url(https://x.example/a.png)">x</p>',
    ),
    "style element": (
        "<style>@import url(//x.example/a.css)</style>",
        "<style>@import url(//x.example/a.css)</style>",
    ),
    "anchor in the wrong case": ("[b](b.md#There)", '<a href="b.html#There">b</a>'),
    "anchor of this page": ("[b](#nowhere)", '<a href="#nowhere">b</a>'),
    "dead link": ("[c](old/c.md)", '<a href="../old/c.html">c</a>'),
    "dead link in HTML": ('<a href="../old/c.html">c</a>', '<a href="../old/c.html">c</a>'),
    "code": ("<table><pre>if a < b:</pre></table>", "<pre>if a &lt; b:</pre>"),
    "escaped code": ("<PRE>if a &lt; b:</PRE>", "<pre>\nif a &lt; b:</pre>"),
    "code in another element": ("<XMP>c = 3</XMP>", "<xmp>c = 3</xmp>"),
    "literal include": ("x<br>::: shop/get read", "<p>x<br>::: shop/get read</p>"),
    "diagram": ("```mermaid", '<div class="mermaid">flowchart</div>'),
}


@pytest.fixture
def course(tmp_path: Path) -> tuple[Path, Path]:
    """The sources of a small course, and its site."""
    root, site = tmp_path / "root", tmp_path / "site"
    (root / "snippets/shop").mkdir(parents=True)
    (root / "snippets/shop/get.py").write_text(CODE.format("#"), "utf-8")
    (snippet,) = snippets.read(root).files
    row = ledger.Row(snippet.path, ledger.Ledger(root).digest(snippet), "2026-01-01", {})
    ledger.save(root, {snippet.path: row})
    (root / "docs/_course").mkdir(parents=True)
    (root / "docs/a.md").write_text("# A\n", "utf-8")
    site.mkdir()
    (site / "a.html").write_text(SOUND, "utf-8")
    (site / "b.html").write_text('<html><body><h1 id="there">B</h1></body></html>', "utf-8")
    return root, site


def check(root: Path, site: Path) -> list[Fault]:
    """Read the sources anew, and return the faults of the site."""
    return gate.check(Course(root), site)


def test_sound_page_passes(course: tuple[Path, Path]) -> None:
    assert check(*course) == []


def test_whole_file_passes_and_half_of_it_does_not(course: tuple[Path, Path]) -> None:
    whole = CODE.format("#")
    for text, faults in ((whole, []), (whole.replace("b = 2\n", ""), ["docs/a.md"])):
        (course[1] / "a.html").write_text(SOUND.replace("</body>", f"<pre>{text}</pre></body>"), "utf-8")
        assert [fault.path for fault in check(*course)] == faults


@pytest.mark.parametrize("name", BAD)
def test_bad_page_is_refused(course: tuple[Path, Path], name: str) -> None:
    added, expected = BAD[name]
    page = course[1] / "a.html"
    page.write_text(SOUND.replace("</body>", added + "</body>"), "utf-8")
    faults = [fault for fault in check(*course) if fault.path == "docs/a.md"]
    assert len(faults) == 1 and faults[0].text.startswith(expected), faults


def test_code_that_has_changed_since_it_ran_is_refused(course: tuple[Path, Path]) -> None:
    (course[0] / "snippets/shop/get.py").write_text(CODE.format("#") + "# changed\n", "utf-8")
    assert "a code block that is in no snippet" in check(*course)[0].text


def test_style_sheet_that_loads_from_elsewhere_is_refused(course: tuple[Path, Path]) -> None:
    (course[0] / "docs/x.css").write_text("a { color: red }\na { background: url('https://x.example/a.png') }", "utf-8")
    shutil.copy(course[0] / "docs/x.css", course[1])
    assert [(fault.path, fault.line) for fault in check(*course)] == [("docs/x.css", 2)]


def test_listed_code_passes_on_its_page_only(course: tuple[Path, Path]) -> None:
    root, site = course
    entry = "- page: docs/a.md\n  code: make test\n  reason: a shell command\n"
    (root / "docs/_course/allowed-code.yml").write_text(entry, "utf-8")
    for name in ("a.html", "b.html"):
        page = site / name
        page.write_text(page.read_text("utf-8").replace("</body>", "<pre><code>make test</code></pre></body>"), "utf-8")
    assert [fault.path for fault in check(root, site)] == ["b.html"]


@pytest.mark.parametrize("name", PLACES)
def test_fault_is_told_at_the_line_of_the_source(course: tuple[Path, Path], name: str) -> None:
    written, built = PLACES[name]
    (course[0] / "docs/a.md").write_text(f"# A\n\nWords before it, [b](b.md).\n\n{written}\n", "utf-8")
    (course[1] / "a.html").write_text(SOUND.replace("</body>", built + "</body>"), "utf-8")
    assert [(fault.path, fault.line) for fault in check(*course)] == [("docs/a.md", 5)]


def test_fault_of_a_generated_page_is_told_at_what_it_is_made_from(course: tuple[Path, Path]) -> None:
    root, site = course
    (root / "docs/_course/quiz.yml").write_text("- id: x\n  page: b.md#There\n", "utf-8")
    (site / "quiz").mkdir()
    (site / "quiz/index.html").write_text('<a href="../b.html#There">b</a>', "utf-8")
    assert [(fault.path, fault.line) for fault in check(root, site)] == [("docs/_course/quiz.yml", 2)]


def test_fault_of_a_listing_is_told_in_the_file_that_it_lists(course: tuple[Path, Path]) -> None:
    root, site = course
    (site / "source/snippets/shop").mkdir(parents=True)
    (site / "source/snippets/shop/get.py.html").write_text("<pre>b = 2</pre>", "utf-8")
    assert [(fault.path, fault.line) for fault in check(root, site)] == [("snippets/shop/get.py", 3)]


def test_fault_without_a_source_is_told_at_the_line_of_the_built_page(course: tuple[Path, Path]) -> None:
    (course[1] / "404.html").write_text('<html>\n<body>\n<a href="c.html">c</a>', "utf-8")
    assert [(fault.path, fault.line) for fault in check(*course)] == [("404.html", 3)]
