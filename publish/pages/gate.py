"""The gate on the built HTML, the authority: what a reader can see was run, everything else is refused.

Page by page through one parse by lexbor, which makes of a page what a browser makes of it; a tree is dropped before
the next is read. What links lead to is compared when all pages have been seen.
"""

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from publish.pages.origin import Origin
from publish.sources.course import Course
from publish.sources.files import Fault
from publish.sources.snippets import MARK

LEFTOVER = re.compile(rf"{re.escape(MARK)}|^ *::: \S+ \S+|\]\(proof:|\]\(/source/|^ *===!? \"|```|~~~", re.MULTILINE)
LOADS = ("src", "srcset", "poster", "data")  # attributes that make a browser fetch
OUTSIDE = re.compile(r"(?:https?:)?//[^\s,]*")
STYLE_LOADS = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^\s'\")]*)")
UNCOMPARED = "textarea, xmp, samp, listing, template, plaintext, noframes, noembed, kbd, tt, iframe, frame, embed"
UNCOMPARED += ", code"  # with what else could show code, or hide it
LINES = "br + code:not(.quiz-printed *), code br, [style*=white-space]"  # lines of code, put below each other by hand


class Found(NamedTuple):
    """Something wrong on a built page, and words of it by which its source is found, the surest first."""

    text: str
    words: tuple[str, ...]


class Looked(NamedTuple):
    """What one page says: its faults so far, where it links to, and what of it can be linked to."""

    faults: list[Found]
    links: dict[str, None]  # in their order, each once
    anchors: set[str]


def check(course: Course, site: Path, home: str = "/") -> list[Fault]:
    """Return all faults of the site built into `site` from a course, to be served at the path `home` of its host."""
    known = known_code(course)
    files = {file.relative_to(site).as_posix(): file for file in sorted(site.rglob("*"))}
    pages = {path: look(course, path, file, known) for path, file in files.items() if path.endswith(".html")}
    anchors = {path: page.anchors for path, page in pages.items()}
    origin = Origin(course.root, site)
    faults = [
        origin.fault(path, text, words)
        for path, page in pages.items()
        for text, words in (*page.faults, *dead(path, page.links, files.keys(), anchors, home))
    ]
    for path, file in files.items():
        if path.endswith(".css") and (match := STYLE_LOADS.search(file.read_text("utf-8"))):
            faults.append(origin.fault(path, "loads something from another host", (match[1],)))
    return list(dict.fromkeys(faults))


def known_code(course: Course) -> set[str]:
    """Return every text that a code block may hold: verified sections, whole files, outputs, tests."""
    known = {output.strip("\n") for output in course.snippets.outputs.values()}
    for snippet in course.snippets.files:
        if course.problems[snippet.path]:
            continue
        known |= {section.code for section in snippet.sections.values()}
        known.add(snippet.text.strip("\n"))
    return known | {text.strip("\n") for text in course.tests.values()}


def look(course: Course, path: str, file: Path, known: set[str]) -> Looked:
    """Look at one page, and keep nothing of its tree."""
    page = LexborHTMLParser(file.read_text("utf-8"))
    faults = [*code(course, page, path, known), *requests(page), *figures(page)]
    anchors = {str(tag.attributes["id"]) for tag in page.css("[id]")}
    targets = dict.fromkeys(links(page))
    return Looked([*faults, *leftovers(page)], targets, anchors)  # the last takes the page apart


def code(course: Course, page: LexborHTMLParser, path: str, known: set[str]) -> Iterator[Found]:
    """Find blocks that no test has run, empty ones, and others that cannot be compared."""
    for block in page.css("pre"):
        text = block.text().strip("\n")
        if not text.strip():
            yield Found("an empty code block", ("<pre",))
        elif text not in known and (f"docs/{path.removesuffix('.html')}.md", text.strip()) not in course.allowed:
            first = text.strip().splitlines()[0]
            said = f"a code block that is in no snippet, output or allow-list: {text.splitlines()[0][:60]}"
            yield Found(said, (first.strip(),))
    for tag in page.css(UNCOMPARED):
        if tag.tag != "code" or ("\n" in tag.text() and not within(tag, "pre")):
            words = next((line.strip() for line in tag.text().splitlines() if line.strip()), "")
            yield Found(f"a block of code in <{tag.tag}>, where it cannot be compared", (words, f"<{tag.tag}"))
    for tag in page.css(LINES):
        words = " ".join(tag.text().split())
        yield Found("lines of code that are no block, so that they cannot be compared", (words, f"<{tag.tag}"))


def within(tag: LexborNode | None, name: str) -> bool:
    """Tell whether a tag stands in another of this name."""
    while tag := tag and tag.parent:
        if tag.tag == name:
            return True
    return False


def leftovers(page: LexborHTMLParser) -> Iterator[Found]:
    """Find in the prose, which is all that this leaves of the page, what should have been expanded."""
    page.strip_tags(["pre", "code", "script", "style"])
    text = page.root.text(separator="\n") if page.root else ""
    for match in LEFTOVER.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
        yield Found(f"a literal {match[0]!r} that should have been expanded", (line.strip(), match[0].strip()))


def requests(page: LexborHTMLParser) -> Iterator[Found]:
    """Find what a browser would fetch from another host."""
    for name in LOADS:
        for tag in page.css(f"[{name}]"):
            yield from outside(tag, name)
    for tag in page.css("link[href]"):
        rels = set((tag.attributes.get("rel") or "").lower().split())
        if "stylesheet" in rels or not {"canonical", "alternate", "next", "prev"} & rels:
            yield from outside(tag, "href")
    for tag in page.css("[style], style"):
        for style in (tag.attributes.get("style") or "", tag.text() if tag.tag == "style" else ""):
            if match := STYLE_LOADS.search(style):
                yield Found(f"<{tag.tag}> has a style that loads from another host", (match[1],))


def outside(tag: LexborNode, name: str) -> Iterator[Found]:
    """Find an address of another host in an attribute."""
    value = tag.attributes[name] or ""
    if match := OUTSIDE.search(value):
        yield Found(f"<{tag.tag} {name}> loads from another host: {value}", (value, match[0]))


def links(page: LexborHTMLParser) -> Iterator[str]:
    """Yield where a page links to within the site."""
    for tag in page.css("a, link, script, img"):
        attributes = tag.attributes
        target = attributes.get("href") or attributes.get("src") or ""
        if not target or (tag.tag == "a" and "headerlink" in (attributes.get("class") or "").split()):
            continue
        parts = urlsplit(target)
        if not parts.scheme and not parts.netloc:
            yield target


def dead(
    page: str, targets: dict[str, None], files: Iterable[str], anchors: dict[str, set[str]], home: str
) -> Iterator[Found]:
    """Find links and anchors that lead nowhere; case counts, whatever the file system thinks."""
    for target in targets:
        path, _, fragment = target.partition("#")
        path = path.partition("?")[0]
        goal = resolve(page, unquote(path), home) if path else page
        name = f"{goal.rpartition('/')[2].removesuffix('.html')}.md"
        words = (target, f"{name}#{fragment}" if fragment else name) if path else (f"({target})", f'"{target}"')
        if goal not in files:
            yield Found(f"a link to {target}, which does not exist", words)
        elif fragment and goal in anchors and unquote(fragment) not in anchors[goal]:
            yield Found(f"a link to {target}: the page has no such anchor", words)


def resolve(page: str, target: str, home: str) -> str:
    """Return the path in the site, which lies at `home`, that a link on `page` leads to."""
    if target.startswith("/") and not target.startswith(home):
        return target  # beside the site
    parts = [] if target.startswith("/") else page.split("/")[:-1]
    for part in target.removeprefix(home).split("/"):
        if part == "..":
            parts = parts[:-1] if parts and parts[-1] != ".." else [*parts, ".."]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "index.html"


def figures(page: LexborHTMLParser) -> Iterator[Found]:
    """Find diagrams that are not rendered, too heavy, or without words for those who cannot see them."""
    for tag in page.css("div.mermaid, pre.mermaid"):
        words = (tag.text().strip() or "mermaid").splitlines()[0]
        yield Found("a diagram that is not rendered; run `make diagrams`", (words, "mermaid"))
    for figure in page.css("figure.diagram"):
        title = figure.css_first("title")
        words = title.text().strip() if title else ""
        size = len(gzip.compress((figure.html or "").encode()))
        if size > 10_000:
            yield Found(f"a diagram of {size} bytes compressed; 10000 are allowed", (words, "mermaid"))
        if not (title and figure.css_first("desc")):
            yield Found("a diagram without a title or a description; add accTitle and accDescr", (words, "mermaid"))
