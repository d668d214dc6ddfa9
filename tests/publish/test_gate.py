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
    "image in an SVG": ('<svg><image href="https://cdn.example/x.png"/></svg>', "<image href> loads from another host"),
    "image in an SVG, by the old name": ('<svg><image xlink:href="//cdn.example/x.png"/></svg>', "<image xlink:href> loads"),
    "symbol elsewhere": ('<svg><use href="//cdn.example/x.svg#a"/></svg>', "<use href> loads from another host"),
    "colour elsewhere": ('<svg><rect fill="url(//cdn.example/x.svg#a)"/></svg>', "<rect fill> loads from another host"),
    "colour elsewhere, escaped": (r'<svg><rect fill="u\72l(\2f\2f cdn.example)"/></svg>', "<rect fill> loads from another host"),
    "address that is set later": ('<svg><set attributeName="href" to="//cdn.example/x.svg"/></svg>', "<set to> loads from"),
    "set of images to be loaded": ('<link rel="preload" imagesrcset="a.html, //cdn.example/x 2x">', "<link imagesrcset> loads"),
    "set of images without spaces": ('<img srcset="a.html 1x,https://cdn.example/x.png 2x">', "<img srcset> loads from another"),
    "picture behind the page": ('<table><tr><td background="//cdn.example/x.png"></table>', "<td background> loads from another host"),
    "page in an object": ('<object data="data:text/html,&lt;img&gt;"></object>', "<object data> loads from another host: data:"),
    "script in its address": ('<script src="data:,fetch(0)"></script>', "<script src> loads from another host: data:"),
    "backslashes": (r'<img src="\\cdn.example/x.png">', "<img src> loads from another host"),
    "slash and backslash": (r'<img src="/\cdn.example/x.png">', "<img src> loads from another host"),
    "scheme without slashes": ('<img src="https:cdn.example/x.png">', "<img src> loads from another host"),
    "scheme in capitals": ('<img src="HTTPS://cdn.example/x.png">', "<img src> loads from another host"),
    "tab in an address": ('<img src="ht\ttps:cdn.example/x.png">', "<img src> loads from another host"),
    "line break between slashes": ('<img src="/\n/cdn.example/x.png">', "<img src> loads from another host"),
    "control character before an address": ('<img src="&#1;//cdn.example/x.png">', "<img src> loads from another host"),
    "entities in an address": ('<img src="&#104;ttps&colon;cdn.example/x.png">', "<img src> loads from another host"),
    "another way to load": ('<img src="ftp://cdn.example/x.png">', "<img src> loads from another host"),
    "unknown attribute": ('<img lowsrc="HTTPS:cdn.example/x.png">', "<img lowsrc> loads from another host"),
    "unknown element": ('<fencedframe config="a //cdn.example/x"></fencedframe>', "<fencedframe config> loads from another"),
    "link that is counted": ('<a href="b.html" attributionsrc="//cdn.example/">b</a>', "<a attributionsrc> loads from another"),
    "picture behind a slide": ('<section data-background-image="//cdn.example/x.png"></section>', "<section data-background-image> l"),
    "script in an attribute": ('<img src="a.html" onerror="fetch(\'https://cdn.example/\')">', "<img onerror> loads from another"),
    "page that only scripts see": (
        '<noscript><p title="</noscript><img src=//cdn.example/x.png>"></p></noscript>', "a <noscript> that ends earlier"
    ),
    "form": ('<form action="https://cdn.example/"></form>', "<form action> loads from another host"),
    "button of a form": ('<button formaction="//cdn.example/">x</button>', "<button formaction> loads from another host"),
    "ping": ('<a href="b.html" ping="b.html https://cdn.example/">b</a>', "<a ping> loads from another host"),
    "name looked up ahead": ('<link rel="dns-prefetch" href="//cdn.example">', "<link href> loads from another host"),
    "relation beside a harmless one": ('<link rel="canonical preconnect" href="//cdn.example">', "<link href> loads from another"),
    "base": ('<base href="https://cdn.example/">', "a <base>, which leads each address of the page elsewhere"),
    "base of the site": ('<base target="x">', "a <base>, which leads each address of the page elsewhere"),
    "page that leads away": ('<meta http-equiv="refresh" content="0;url=b.html">', "a <meta http-equiv>, which speaks in the"),
    "script that names another host": ('<script>fetch("https://cdn.example/x")</script>', "<script> loads from another host"),
    "style with a set of images": ('<p style="background:image-set(\'//x.example/a\' 1x)">x</p>', "<p> has a style that loads from"),
    "style in escapes": (r'<p style="background:u\72l(\68ttps://x.example/a)">x</p>', "<p> has a style that loads from another"),
    "style with backslashes": (r'<p style="background:url(\\\\x.example/a)">x</p>', "<p> has a style that loads from another"),
    "style without slashes": ('<p style="background:url(https:x.example/a)">x</p>', "<p> has a style that loads from another"),
    "style with a tab": ('<p style="background:url(\'ht\ttps:x.example/a\')">x</p>', "<p> has a style that loads from another"),
    "style behind a comment": ("<style>@import/**/'//x.example/a.css';</style>", "<style> has a style that loads from another"),
    "style between what is no comment": (
        "<style>a{b:url(x/*)}c{d:url(//x.example/a)}e{f:url(y*/)}</style>", "<style> has a style that loads from another"
    ),
    "style sheet in an address": ("<style>@import 'data:text/css,a';</style>", "<style> has a style that loads from another"),
    "code in a field": ('<input value="c = 3">', "a block of code in <input>"),
    "code in a field of lines": ("<textarea>c = 3</textarea>", "a block of code in <textarea>"),
    "code in a script": ('<script type="text/template">c = 3</script>', "a block of code in <script>"),
    "code in a drawing": ("<svg><text>c = 3</text></svg>", "a block of code in <text>"),
    "code in a diagram that was not drawn": (
        '<figure class="diagram"><svg><title>T</title><desc>D</desc><text>c = 3</text></svg></figure>', "a block of code in <text>"
    ),
    "page in a drawing": ("<svg><foreignObject><p>c = 3</p></foreignObject></svg>", "a block of code in <foreignObject>"),
    "old type": ("<font face=monospace>c = 3</font>", "a block of code in <font>"),
    "table that looks like code": (
        '<div class="highlight"><table><tr><td>c = 3</td></tr></table></div>', "lines of code that are no block"
    ),
    "words beside a block": ('<div class="highlight"><pre>a = 1\nb = 2</pre>c = 3</div>', "lines of code that are no block"),
    "prose that keeps its lines, in capitals": ('<p style="White-Space: pre">a = 1</p>', "lines of code that are no block"),
    "prose that keeps its lines, escaped": (r'<p style="white\-space: pre">a = 1</p>', "lines of code that are no block"),
    "prose in the type of code": ('<p style="font-family: monospace">a = 1</p>', "lines of code that are no block"),
    "link that is a script": ('<a href="java\nscript:alert(1)">b</a>', "a link to java\nscript:alert(1), which is no address of a"),
    "dead image": ('<img src="c.png">', "a link to c.png, which does not exist"),
    "dead image of a set": ('<img srcset="a.html 1x, c.png 2x">', "a link to c.png, which does not exist"),
    "dead symbol": ('<svg><use xlink:href="#nowhere"/></svg>', "a link to #nowhere: the page has no such anchor"),
    "dead link in a drawing": ('<svg><a xlink:href="c.html"></a></svg>', "a link to c.html, which does not exist"),
    "dead form": ('<form action="c.html"></form>', "a link to c.html, which does not exist"),
    "dead headerlink": ('<a class="headerlink" href="#nowhere">b</a>', "a link to #nowhere: the page has no such anchor"),
    "link to a folder": ('<a href="folder/">b</a>', "a link to folder/, which does not exist"),
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


# what looks like something of the above, and is nothing of it
HARMLESS = {
    "words": '<img src="a.html" alt="https://x.example/" title="//x.example/"><meta name="x" content="https://x.example/">',
    "label": '<svg aria-label="see https://x.example/" xmlns="http://www.w3.org/2000/svg"></svg>',
    "address of the page itself": '<link rel="canonical" href="https://course.example/a.html">',
    "letter": '<a href="mailto:a@x.example">a</a>',
    "picture in its address": "<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>\">",
    "style": """<style>
        /* see https://x.example/ */ a[href^="https://x"] { content: "//" }
        b { background: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>") }
        </style>""",
    "script": "<script>const a = 1 // b\nconst c = 'd://'</script><script type='application/json'>{}</script>",
    "colour of the page": '<svg><rect fill="url(#top)" style="fill: none; font-size: 8px"/></svg>',
    "titled block": '<div class="highlight"><span class="filename">x.py</span><pre>a = 1\nb = 2\n</pre></div>',
    "code in a line": '<p><code class="highlight">a</code></p>',
    "choice": '<input type="checkbox" name="x"><select><option value="x">x</option></select>',
    "diagram": '<figure class="diagram"><svg><title>T</title><desc>D</desc><text>a</text> <text>b</text></svg></figure>',
}


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
    "image in an SVG": (
        "<svg><IMAGE href='//x.example/a.png' /></svg>",
        '<svg><image href="//x.example/a.png"/></svg>',
    ),
    "address in escapes": (
        r"<p style='background:url(\2f\2f x.example)'>x</p>",
        r'<p style="background:url(\2f\2f x.example)">x</p>',
    ),
    "code in a drawing": ("<svg><text>if a < b:</text></svg>", "<svg><text>if a &lt; b:</text></svg>"),
    "code in a field": ("<input readonly value='c = 3'>", '<input readonly value="c = 3">'),
    "base": ("<base href='x/'>", '<base href="x/">'),
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
    (root / "docs/_diagrams").mkdir()
    (root / "docs/_diagrams/x.svg").write_text("<svg><g><text>a</text></g><text>b</text></svg>", "utf-8")
    (root / "docs/a.md").write_text("# A\n", "utf-8")
    site.mkdir()
    (site / "folder").mkdir()
    (site / "a.html").write_text(SOUND, "utf-8")
    (site / "b.html").write_text('<html><body><h1 id="there">B</h1></body></html>', "utf-8")
    return root, site


def check(root: Path, site: Path) -> list[Fault]:
    """Read the sources anew, and return the faults of the site."""
    return gate.check(Course(root), site)


def test_sound_page_passes(course: tuple[Path, Path]) -> None:
    assert check(*course) == []


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_passes(course: tuple[Path, Path], name: str) -> None:
    (course[1] / "a.html").write_text(SOUND.replace("</body>", HARMLESS[name] + "</body>"), "utf-8")
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


@pytest.mark.parametrize("address", ["url('https://x.example/a.png')", r"image-set('\2f\2f x.example/a.png' 1x)"])
def test_style_sheet_that_loads_from_elsewhere_is_refused(course: tuple[Path, Path], address: str) -> None:
    (course[0] / "docs/x.css").write_text(f"a {{ color: red }}\na {{ background: {address} }}", "utf-8")
    shutil.copy(course[0] / "docs/x.css", course[1])
    assert [(fault.path, fault.line) for fault in check(*course)] == [("docs/x.css", 2)]


@pytest.mark.parametrize("name", ["x.css", "a.html"])
def test_file_that_is_not_utf_8_is_refused(course: tuple[Path, Path], name: str) -> None:
    (course[1] / name).write_bytes(b"\n\xe9")
    (course[0] / "docs/x.css").write_bytes(b"\n\xe9")
    place = "docs/a.md:1" if name == "a.html" else "docs/x.css:2"
    assert [str(fault) for fault in check(*course)] == [f"{place}: is not UTF-8; save it as UTF-8"]


@pytest.mark.parametrize("name", ["x.svg", "x.htm", "X.HTML"])
def test_other_files_that_a_browser_opens_are_looked_at(course: tuple[Path, Path], name: str) -> None:
    (course[1] / name).write_text("<svg><image href='//x.example/a.png'/></svg>", "utf-8")
    assert [str(fault) for fault in check(*course)] == [
        f"{name}:1: <image href> loads from another host: //x.example/a.png"
    ]


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
