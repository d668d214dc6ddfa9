"""The gate on the built HTML, the authority: what a reader can see was run, everything else is refused."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from publish.sources.course import Course
from publish.sources.files import Fault
from publish.sources.snippets import MARK

LEFTOVER = re.compile(rf"{re.escape(MARK)}|^ *::: \S+ \S+|\]\(proof:|\]\(/source/|^ *===!? \"|```|~~~", re.MULTILINE)
LOADS = {"src", "srcset", "poster", "data"}  # attributes that make a browser fetch
STYLE_LOADS = re.compile(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//")


def check(root: Path, site: Path) -> list[Fault]:
    """Return all faults of the site built into `site` from the sources below `root`."""
    course = Course(root)
    known = known_code(course)
    pages = {file.relative_to(site).as_posix(): soup(file) for file in sorted(site.rglob("*.html"))}
    files = {file.relative_to(site).as_posix() for file in site.rglob("*")}
    anchors = {path: {str(tag["id"]) for tag in page.find_all(id=True)} for path, page in pages.items()}
    faults: list[Fault] = []
    for path, page in pages.items():
        faults += [Fault(path, line, text) for line, text in code(course, page, path, known)]
        faults += [Fault(path, line, text) for line, text in requests(page)]
        faults += [Fault(path, line, text) for line, text in links(page, path, files, anchors)]
        faults += [Fault(path, line, text) for line, text in figures(page)]
    for file in sorted(site.rglob("*.css")):
        if STYLE_LOADS.search(file.read_text("utf-8")):
            faults.append(Fault(file.relative_to(site).as_posix(), 1, "loads something from another host"))
    return faults


def soup(file: Path) -> BeautifulSoup:
    """Parse a page."""
    return BeautifulSoup(file.read_text("utf-8"), "html.parser")


def known_code(course: Course) -> set[str]:
    """Return every text that a code block may hold: verified sections, whole files, outputs, tests."""
    known = {output.strip("\n") for output in course.snippets.outputs.values()}
    for snippet in course.snippets.files:
        if course.problems[snippet.path]:
            continue
        known |= {section.code for section in snippet.sections.values()}
        known.add(snippet.text.strip("\n"))
    return known | {text.strip("\n") for text in course.tests.values()}


def code(course: Course, page: Tag, path: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """Find blocks that no test has run, empty ones, includes that were never expanded."""
    for block in page.find_all("pre"):
        text = block.get_text().strip("\n")
        if not text.strip():
            yield line(block), "an empty code block"
        elif text not in known and (f"docs/{path.removesuffix('.html')}.md", text.strip()) not in course.allowed:
            yield line(block), f"a code block that is in no snippet, output or allow-list: {text.splitlines()[0][:60]}"
    for tag in page.find_all(["textarea", "xmp", "samp", "listing", "code"]):
        if tag.name != "code" or ("\n" in tag.get_text() and not tag.find_parent("pre")):
            yield line(tag), f"a block of code in <{tag.name}>, where it cannot be compared"
    for words in page.find_all(string=True):
        match = LEFTOVER.search(words)
        if match and not words.find_parent(["pre", "code", "script", "style"]):
            yield line(words.parent), f"a literal {match[0]!r} that should have been expanded"


def requests(page: Tag) -> Iterator[tuple[int, str]]:
    """Find what a browser would fetch from another host."""
    for tag in page.find_all(True):
        loads: dict[str, object] = {name: value for name, value in tag.attrs.items() if name in LOADS}
        if tag.name == "link" and not {"canonical", "alternate", "next", "prev"} & set(tag.get("rel") or ()):
            loads["href"] = tag.get("href")
        for name, value in loads.items():
            if re.search(r"(?:https?:)?//", str(value)):
                yield line(tag), f"<{tag.name} {name}> loads from another host: {value}"
        if STYLE_LOADS.search(str(tag.get("style", ""))) or (
            tag.name == "style" and STYLE_LOADS.search(tag.get_text())
        ):
            yield line(tag), f"<{tag.name}> has a style that loads from another host"


def links(page: Tag, path: str, files: set[str], anchors: dict[str, set[str]]) -> Iterator[tuple[int, str]]:
    """Find internal links and anchors that lead nowhere; case counts, whatever the file system thinks."""
    for tag in page.find_all(["a", "link", "script", "img"]):
        target = str(tag.get("href") or tag.get("src") or "")
        parts = urlsplit(target)
        if not target or parts.scheme or parts.netloc or (tag.name == "a" and "headerlink" in (tag.get("class") or ())):
            continue
        goal = resolve(path, unquote(parts.path)) if parts.path else path
        if goal not in files:
            yield line(tag), f"a link to {target}, which does not exist"
        elif parts.fragment and goal in anchors and unquote(parts.fragment) not in anchors[goal]:
            yield line(tag), f"a link to {target}: the page has no such anchor"


def resolve(page: str, target: str) -> str:
    """Return the path in the site that a relative link on `page` leads to."""
    parts = [] if target.startswith("/") else page.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1] if parts and parts[-1] != ".." else [*parts, ".."]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "index.html"


def figures(page: Tag) -> Iterator[tuple[int, str]]:
    """Find diagrams that are not rendered, too heavy, or without words for those who cannot see them."""
    for tag in page.select("div.mermaid, pre.mermaid"):
        yield line(tag), "a diagram that is not rendered; run `make diagrams`"
    for figure in page.select("figure.diagram"):
        size = len(gzip.compress(str(figure).encode()))
        if size > 10_000:
            yield line(figure), f"a diagram of {size} bytes compressed; 10000 are allowed"
        if not (figure.find("title") and figure.find("desc")):
            yield line(figure), "a diagram without a title or a description; add accTitle and accDescr"


def line(tag: Tag | None) -> int:
    """Return the line of the built page at which a tag begins."""
    return (tag and tag.sourceline) or 1
