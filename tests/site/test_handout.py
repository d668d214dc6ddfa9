"""The handout as a PDF: tagged, short, complete. And on the site, where it is linked only when it is there."""

import json
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from harness import toolchain
from publish.pages.expand import absent
from publish.parts import benchmarks, handout
from publish.sources import includes
from publish.sources.course import Course
from publish.sources.includes import Include
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = 12  # of A4, at most
COURSE = Course(ROOT)
SOURCE = benchmarks.fill(COURSE, COURSE.pages["docs/handout/index.md"])


@pytest.fixture(scope="module")
def pdf(site: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    toolchain.need("Chromium")
    course = tmp_path_factory.mktemp("print")
    (course / "site").symlink_to(site)
    command = [sys.executable, "-m", "publish.parts.handout"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "Printed: build/handout.pdf. The next `make site` puts it on the site.\n"
    assert [file.name for file in (course / "build").iterdir()] == ["handout.pdf"]
    return (course / handout.FILE).read_bytes()


def text(pdf: bytes) -> str:
    """Return the words of a PDF as Chromium writes it: glyphs, and for each font a table from glyphs to text."""
    objects = {int(number): body for number, body in re.findall(rb"(?s)\n(\d+) 0 obj\n(.*?)\nendobj", pdf)}

    def stream(number: int) -> bytes:
        body = objects[number].partition(b"stream\n")[2].rpartition(b"\nendstream")[0]
        return zlib.decompress(body)

    def table(font: int) -> dict[int, str]:
        found, glyphs = re.search(rb"/ToUnicode (\d+) 0 R", objects[font]), {}
        cmap = stream(int(found[1])) if found else b""
        for block in re.findall(rb"(?s)beginbfchar\n(.*?)endbfchar", cmap):
            for glyph, code in re.findall(rb"<(\w+)> <(\w+)>", block):
                glyphs[int(glyph, 16)] = bytes.fromhex(code.decode()).decode("utf-16-be")
        for block in re.findall(rb"(?s)beginbfrange\n(.*?)endbfrange", cmap):
            for first, last, code in re.findall(rb"<(\w+)> <(\w+)> <(\w+)>", block):
                for offset in range(int(last, 16) - int(first, 16) + 1):
                    glyphs[int(first, 16) + offset] = chr(int(code, 16) + offset)
        return glyphs

    words, fonts, glyphs = [], {}, {}
    for body in objects.values():
        if not re.search(rb"/Type /Page\b", body):
            continue
        fonts = {name: int(number) for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body)}
        contents = re.search(rb"/Contents (\d+) 0 R", body)
        assert contents
        for name, string in re.findall(rb"/(F\d+) [\d.]+ Tf|<(\w+)>", stream(int(contents[1]))):
            if name:
                glyphs = table(fonts[name])
                words.append(" ")
            else:
                codes = [int(string[at : at + 4], 16) for at in range(0, len(string), 4)]
                words.append("".join(glyphs.get(code, "") for code in codes))
    return "".join(words)


def plain(markdown: str) -> str:
    """Return the words that a line of Markdown shows: no marks of code or emphasis, no addresses behind links."""
    linked = re.sub(r"\[([^\[\]]+)\]\([^()]*\)", r"\1", markdown)
    return "".join(part if at % 2 else part.replace("*", "") for at, part in enumerate(linked.split("`")))


def included() -> list[Include]:
    """Return what the page includes from the snippets."""
    lines = [line for line in includes.included(SOURCE) if line.example in COURSE.snippets.examples]
    assert len(lines) >= 2
    return lines


def squeezed(words: str) -> str:
    """Return the words without spaces, which a PDF does not keep."""
    return re.sub(r"\s+", "", words)


def test_pdf_is_tagged_with_title_language_and_outline(pdf: bytes) -> None:
    assert b"/StructTreeRoot" in pdf
    assert re.search(rb"/MarkInfo\s*<<[^>]*/Marked true", pdf)
    assert b"/Lang (en)" in pdf
    assert b"/Title (Handout - Redis caching patterns)" in pdf
    assert b"/Outlines" in pdf
    assert b"/Title (Checklist)" in pdf


def test_pdf_is_a4_and_short(pdf: bytes) -> None:
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert 1 <= len(boxes) <= PAGES
    assert len(boxes) == len(re.findall(rb"/Type /Page\b", pdf))
    for width, height in boxes:
        assert (round(float(width)), round(float(height))) == (595, 842)


def test_pdf_has_the_words_and_the_code_of_one_language_and_nothing_to_click(pdf: bytes) -> None:
    words = squeezed(text(pdf))
    page, _, links = SOURCE.partition('<div class="links"')
    spelled = re.sub(r"\[([^\[\]]+)\]\((https:[^()]*)\)", r"\1 (\2)", links)  # as paper does there
    for line in [*page.splitlines(), *spelled.splitlines()]:
        if line.startswith(("#", "- ")):
            assert squeezed(plain(line.lstrip("#- "))) in words, line
    examples = COURSE.snippets.examples
    for include in included():
        first = next(iter(examples[include.example]))
        for extension, snippet in examples[include.example].items():
            expected = extension == (".py" if ".py" in examples[include.example] else first)
            code = squeezed(snippet.sections[include.section].code)
            assert (code in words) is expected, (include.example, include.section, extension)
        assert squeezed(plain(absent(include))) in words
    assert "https://redis.io/docs/latest/develop/use-cases/cache-aside/" in words
    for unwanted in ("Copywholefile", "Download", "Tableofcontents", "Nodescript", "Search", "Printedfromhere"):
        assert unwanted not in words


def test_handout_has_every_line_of_the_tuning_checklist() -> None:
    checklist = (ROOT / "docs/checklist.md").read_text("utf-8")
    lines = checklist.partition('<div class="checklist')[2].partition("</div>")[0]
    groups = re.findall(r"^(?:## |- \*\*)(.+?)(?:\*\*.*)?$", lines, re.MULTILINE)
    part = SOURCE.partition('<div class="checklist columns"')[2].partition("</div>")[0]
    assert re.findall(r"^(?:- |\*\*)(.+?)(?:\*\*)?$", part, re.MULTILINE) == groups
    assert len(groups) == 30  # five names of groups, and five lines in each


def test_paper_of_the_handout_shows_the_language_that_was_chosen(page: Open) -> None:
    tab = page(handout.PAGE)
    tab.locator(".tabbed-labels").first.get_by_text("C#", exact=True).click()
    tab.emulate_media(media="print")
    examples = COURSE.snippets.examples
    shown = [examples[one.example].get(".cs") or next(iter(examples[one.example].values())) for one in included()]
    assert tab.locator("article .filename:visible").all_inner_texts() == [snippet.path for snippet in shown]
    assert any(snippet.language.label == "C#" for snippet in shown)
    assert tab.locator(".absent:visible").all_inner_texts() == [plain(absent(one)) for one in included() if one.reasons]
    chrome = ".md-header, .md-footer, .md-sidebar, .headerlink, button, .tabbed-labels, a[download]"
    assert tab.locator(chrome).locator("visible=true").count() == 0


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A course of two pages, built as ours is, of which one is a handout."""
    for name in ("docs/handout", "snippets"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("publish", "node_modules", "docs/assets", "docs/stylesheets"):
        (tmp_path / name).symlink_to(ROOT / name)
    pages = {"index": "# Home\n", "handout/index": "# Handout\n\n::: handout download\n"}
    for name, text in pages.items():
        (tmp_path / "docs" / f"{name}.md").write_text(text, "utf-8")
    nav = [{name: f"{name}.md"} for name in (*pages, "snippets/index")]
    (tmp_path / "mkdocs.yml").write_text(json.dumps({"INHERIT": str(ROOT / "mkdocs.yml"), "nav": nav, "watch": []}))
    return tmp_path


def test_site_has_the_pdf_and_a_link_to_it_only_when_it_was_printed(pdf: bytes, small: Path, site: Path) -> None:
    """Ours as it is; both ways on a course of two pages, which takes a second to build."""
    printed = (ROOT / handout.FILE).exists()
    assert "\n::: handout download\n" in SOURCE
    assert ('href="handout.pdf"' in (site / handout.PAGE).read_text("utf-8")) is printed
    assert (site / handout.TARGET).exists() is printed
    command = [sys.executable, "-m", "publish.site", "build"]
    for printed in (False, True):
        if printed:
            (small / handout.FILE).parent.mkdir()
            (small / handout.FILE).write_bytes(pdf)
        result = subprocess.run(command, cwd=small, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stderr
        assert ('href="handout.pdf"' in (small / "site" / handout.PAGE).read_text("utf-8")) is printed
        assert (small / "site" / handout.TARGET).exists() is printed
    assert (small / "site" / handout.TARGET).read_bytes() == pdf


def test_without_a_site_it_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^site/handout/index.html does not exist; build it first: make site$"):
        handout.main(tmp_path)
