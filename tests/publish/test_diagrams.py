"""Diagrams: drawn the same every time, small, told in words, inlined whole, and every fault with its file and line."""

import gzip
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import markdown
import pytest
from playwright.sync_api import sync_playwright

from harness.toolchain import CHROMIUM, need
from publish import draw
from publish.pages import diagrams
from publish.sources.course import Course

FLOW = """flowchart TD
    accTitle: Cache-aside: how a value is read
    accDescr: The application asks Redis first, and reads the database itself on a miss.
    ask["Application:<br/>GET product:42"] --> hit{"In *Redis*?"}
    hit -- hit --> answer(["Return the value"])
    hit -- miss --> select["Application:<br/>SELECT from the database"]:::accent
    select --> set[("SET … EX 300")]:::accent
    set --> answer"""
SEQUENCE = """sequenceDiagram
    accTitle: Cache-aside: a read that misses, and a write
    accDescr: A miss is read from the database and stored, a write deletes the key.
    participant A as Application
    participant R as Redis
    participant D as Database
    A->>R: GET product:42
    alt hit
        R-->>A: the value
    else miss
        A->>D: SELECT the row
        A->>R: SET … EX 300
    end
    Note over A,D: Later, a write
    A->>D: UPDATE the row, COMMIT
    A->>R: DEL product:42"""
BROKEN = "flowchart TD\n    accTitle: T\n    accDescr: D\n    %% a comment\n    a --> b\n    b --> c[d(]"


def fence(source: str) -> str:
    return f"```mermaid\n{source}\n```"


PAGE = f"# Page\n\nBefore.\n\n{fence(FLOW)}\n\nBetween.\n\n{fence(SEQUENCE)}\n\nAfter.\n"


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser that renders."""
    need("Chromium")
    assert CHROMIUM
    return CHROMIUM


def course(root: Path, page: str) -> Path:
    """Lay a course of one page below `root` and return its docs."""
    docs = root / "docs"
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "page.md").write_text(page, "utf-8")
    return docs


def render(docs: Path) -> list[str]:
    """Draw what the pages of that course show."""
    return draw.render(Course(docs.parent), ())


def files(docs: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(docs.glob("_diagrams/*"))}


@pytest.fixture(scope="module")
def rendered(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The docs of a course whose diagrams have been rendered."""
    docs = course(tmp_path_factory.mktemp("course"), PAGE)
    assert render(docs) == []
    return docs


def test_rendering_twice_gives_the_same_bytes(rendered: Path, tmp_path: Path) -> None:
    docs = course(tmp_path, PAGE)
    render(docs)
    assert len(files(docs)) == 2
    assert files(docs) == files(rendered)


@pytest.mark.usefixtures("chromium")
def test_a_syntax_error_names_file_and_line_and_nothing_is_written(tmp_path: Path) -> None:
    docs = course(tmp_path, f"# Page\n\n{fence(FLOW)}\n\n{fence(BROKEN)}\n")
    (docs / "_diagrams").mkdir()
    (docs / "_diagrams/000000000000.svg").write_text("<svg/>")
    [fault] = render(docs)
    line = (docs / "page.md").read_text("utf-8").split("\n").index("    b --> c[d(]") + 1
    assert fault.startswith(f"docs/page.md:{line}: Parse error: ")
    assert "Expecting 'SQE'" in fault
    assert list(files(docs)) == ["000000000000.svg"]


@pytest.mark.parametrize("name", ["accTitle", "accDescr"])
def test_a_diagram_without_words_is_a_fault(name: str, tmp_path: Path) -> None:
    docs = course(tmp_path, "# Page\n\n" + fence(re.sub(rf" *{name}.*\n", "", FLOW)))
    assert render(docs) == [f"docs/page.md:3: a diagram says in words what it shows; give it a line `{name}: …`"]


def test_a_diagram_below_the_top_level_is_a_fault_and_stays_a_fence(rendered: Path, tmp_path: Path) -> None:
    page = "# Page\n\n!!! note\n\n" + "\n".join(f"    {line}" for line in fence(FLOW).split("\n"))
    [fault] = render(course(tmp_path, page))
    assert fault.startswith("docs/page.md:5: a diagram stands at the top level of its page")
    assert diagrams.inline(page, rendered) == page
    assert diagrams.inline(f"  {fence(FLOW)}", rendered) == f"  {fence(FLOW)}"


def test_without_chromium_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    [fault] = render(course(tmp_path, PAGE))
    assert fault.endswith("not found; install it: sudo apt-get install chromium")


def test_stale_names_the_lines_to_render(rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert diagrams.stale(PAGE, tmp_path) == [5, 18]
    assert diagrams.stale(PAGE, rendered) == []
    assert diagrams.stale(PAGE.replace("\n    set -->", "  \n    set -->"), rendered) == []  # blanks at an end
    assert diagrams.stale(PAGE.replace("the row", "one row"), rendered) == [18]
    monkeypatch.setattr(diagrams, "STYLE", diagrams.STYLE + " ")
    assert diagrams.stale(PAGE, rendered) == [5, 18]


def test_inline_puts_the_whole_svg_into_the_page(rendered: Path) -> None:
    page = diagrams.inline(PAGE.replace("\n\n```", "\n```").replace("```\n\n", "```\n"), rendered)
    extensions = ["attr_list", "md_in_html", "admonition", "pymdownx.superfences", "pymdownx.magiclink"]
    html = markdown.markdown(page, extensions=extensions)
    for source in (FLOW, SEQUENCE):
        svg = diagrams.svg_path(source, rendered).read_text("utf-8").strip()
        assert f'\n\n<figure class="diagram">{svg}</figure>\n\n' in page
        assert f'\n<figure class="diagram">{svg}</figure>\n' in html
    assert re.findall(r"<p>(\w+)\.</p>", html) == ["Before", "Between", "After"]


def test_inline_leaves_what_is_not_rendered_and_what_is_only_shown(rendered: Path) -> None:
    changed = fence(FLOW.replace("miss", "no"))
    shown = f"````markdown\n{fence(FLOW)}\n````"
    code = "```python\nx = 1\n```"
    assert diagrams.inline(f"{changed}\n\n{shown}\n\n{code}\n", rendered) == f"{changed}\n\n{shown}\n\n{code}\n"


def test_ids_are_unique_on_a_page_and_all_references_lead_somewhere(rendered: Path) -> None:
    page = diagrams.inline(f"{PAGE}\n{fence(FLOW)}\n", rendered)  # one diagram stands there twice
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) == 3 * 4  # each has itself, its title, its description and an arrowhead
    assert all(re.match(r"dg-[0-9a-f]{12}", name) for name in ids)
    referred = re.findall(r'url\(#([^)]+)\)|aria-\w+="([^"]+)"|[}>]#([\w-]+)', page)
    assert {name for names in referred for name in names if name} == set(ids)


def test_a_diagram_is_small_and_says_in_words_what_it_shows(rendered: Path) -> None:
    for source in (FLOW, SEQUENCE):
        text = diagrams.svg_path(source, rendered).read_text("utf-8")
        assert len(gzip.compress(text.encode())) < 3_000  # 10 kB are allowed, even for a large one
        assert "mermaid" not in text.lower()
        assert not re.search("foreignObject|<symbol|<marker.*<marker", text)
        svg = ElementTree.fromstring(text)
        name = svg.get("id")
        assert (svg.get("role"), svg.get("aria-labelledby")) == ("img", f"{name}-title")
        assert svg.get("aria-describedby") == f"{name}-desc"
        title, desc = svg[0], svg[1]
        assert f"accTitle: {title.text}\n    accDescr: {desc.text}" in source
        assert (title.get("id"), desc.get("id")) == (f"{name}-title", f"{name}-desc")


def test_the_page_gives_the_colours_and_the_width(rendered: Path, chromium: str) -> None:
    style = ":root { --dg-accent: rgb(1, 2, 3); --dg-ink: rgb(4, 5, 6) } body { margin: 0 }"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=diagrams.FLAGS)
        page = browser.new_page(viewport={"width": 900, "height": 600})
        page.set_content(f"<!doctype html><style>{style}</style>{diagrams.inline(PAGE, rendered)}")
        value = "element => { const style = getComputedStyle(element); return [style.stroke, style.fill] }"
        assert page.eval_on_selector(".accent rect", value) == ["rgb(1, 2, 3)", "rgb(255, 243, 234)"]
        assert page.eval_on_selector(".accent path", value) == ["rgb(1, 2, 3)", "rgb(255, 243, 234)"]
        assert page.eval_on_selector(".node text", value)[1] == "rgb(4, 5, 6)"
        width = "element => [element.getBoundingClientRect().width, element.viewBox.baseVal.width].map(Math.round)"
        shown, natural = page.eval_on_selector("svg", width)
        assert shown == natural < 400
        page.set_viewport_size({"width": 300, "height": 600})
        assert page.eval_on_selector("svg", width)[0] < natural


def test_svgs_that_no_page_uses_are_deleted(rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = course(tmp_path, PAGE)
    shutil.copytree(rendered / "_diagrams", docs / "_diagrams")
    course(tmp_path, f"# Page\n\n{fence(FLOW)}\n")
    assert render(docs) == []
    assert list(files(docs)) == [diagrams.svg_path(FLOW, docs).name]
    assert (
        capsys.readouterr().out == f"docs/_diagrams/{diagrams.svg_path(SEQUENCE, docs).name} deleted, no page uses it\n"
    )
