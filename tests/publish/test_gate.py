"""Each thing that the gate refuses, fed in as a built page; and a sound one that it lets through."""

from pathlib import Path

import pytest

from publish.pages import gate
from publish.sources import ledger, snippets

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
    "lines of inline code": ("<p><code>a = 1\nc = 3</code></p>", "a block of code in <code>"),
    "script elsewhere": ('<script src="https://cdn.example/x.js"></script>', "<script src> loads from another host"),
    "image without scheme": ('<img src="//cdn.example/x.png">', "<img src> loads from another host"),
    "image set": ('<img srcset="a.png 1x, https://cdn.example/x.png 2x">', "<img srcset> loads from another host"),
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
    "heavy diagram": (
        '<figure class="diagram"><svg><title>T</title><desc>D</desc>'
        + "".join(f"<path d='M{i * i * 7919 % 99991}'/>" for i in range(6000))
        + "</svg></figure>",
        "a diagram of ",
    ),
}  # fmt: skip


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
    site.mkdir()
    (site / "a.html").write_text(SOUND, "utf-8")
    (site / "b.html").write_text('<html><body><h1 id="there">B</h1></body></html>', "utf-8")
    return root, site


def test_sound_page_passes(course: tuple[Path, Path]) -> None:
    assert gate.check(*course) == []


@pytest.mark.parametrize("name", BAD)
def test_bad_page_is_refused(course: tuple[Path, Path], name: str) -> None:
    added, expected = BAD[name]
    page = course[1] / "a.html"
    page.write_text(SOUND.replace("</body>", added + "</body>"), "utf-8")
    faults = [fault for fault in gate.check(*course) if fault.path == "a.html"]
    assert len(faults) == 1 and faults[0].text.startswith(expected), faults


def test_code_that_has_changed_since_it_ran_is_refused(course: tuple[Path, Path]) -> None:
    (course[0] / "snippets/shop/get.py").write_text(CODE.format("#") + "# changed\n", "utf-8")
    assert "a code block that is in no snippet" in gate.check(*course)[0].text


def test_style_sheet_that_loads_from_elsewhere_is_refused(course: tuple[Path, Path]) -> None:
    (course[1] / "x.css").write_text("a { background: url('https://x.example/a.png') }", "utf-8")
    assert [fault.path for fault in gate.check(*course)] == ["x.css"]


def test_listed_code_passes_on_its_page_only(course: tuple[Path, Path]) -> None:
    root, site = course
    entry = "- page: docs/a.md\n  code: make test\n  reason: a shell command\n"
    (root / "docs/_course/allowed-code.yml").write_text(entry, "utf-8")
    for name in ("a.html", "b.html"):
        page = site / name
        page.write_text(page.read_text("utf-8").replace("</body>", "<pre><code>make test</code></pre></body>"), "utf-8")
    assert [fault.path for fault in gate.check(root, site)] == ["b.html"]
