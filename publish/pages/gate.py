"""The gate on the built HTML, the authority: what a reader can see was run, everything else is refused.

Page by page through one parse by lexbor, which makes of a page what a browser makes of it; a tree is dropped before
the next is read. What links lead to is compared when all pages have been seen.
"""

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

from publish.pages import addresses
from publish.pages.origin import Origin
from publish.sources.course import Course
from publish.sources.files import Fault, read_text
from publish.sources.snippets import MARK

LEFTOVER = re.compile(rf"{re.escape(MARK)}|^ *::: \S+ \S+|\]\(proof:|\]\(/source/|^ *===!? \"|```|~~~", re.MULTILINE)
PAGES = (".html", ".htm", ".xhtml", ".svg")  # what a browser opens as a page, or as a part of one
# What a browser loads: whatever has an attribute that HTML or SVG knows as an address, and all elements but those that
# are mere words. Of these every attribute counts, known or not, except where it is words itself.
ADDRESSES = {"src", "href", "xlink:href", "poster", "data", "background", "action", "formaction"}
HREFS = ("href", "xlink:href")
SETS = {"srcset", "imagesrcset", "ping"}  # of several addresses
MERE = "a, span, div, p, li, ul, ol, dl, dt, dd, td, tr, th, pre, code, small, strong, em, b, i, br, wbr, h1, h2, h3"
MERE += ", h4, label, nav, button, details, summary, article, aside, header, footer, main, legend, fieldset"
ON_ANY = ("[src]", "[poster]", "[data]", "[background]", "[formaction]", "[srcset]", "[ping]", "[attributionsrc]")
LOADS = f":not({MERE}), {', '.join(ON_ANY)}"
WORDS = {"title", "alt", "label", "placeholder", "content", "value", "xmlns", "xmlns:xlink", "class", "id", "d", "cite"}
FOLLOWED = {"canonical", "alternate", "next", "prev"}  # what a link in the head may be, for it loads nothing
SCHEMES = ("http:", "https:", "mailto:")  # of links that lead out of the site
SCRIPTS = {"", "text/javascript", "module", "application/json"}  # what a script may be
UNCOMPARED = "textarea, xmp, samp, listing, template, plaintext, noframes, noembed, kbd, tt, iframe, frame, embed"
UNCOMPARED += ", font, input[value], foreignObject, script[type], text, code"  # with what else could show code
LINES = "br + code:not(.quiz-printed *), code br"  # lines of code, put below each other by hand
AS_CODE = {"white-space", "white-space-collapse", "text-wrap", "font", "font-family", "tab-size"}  # so does a style
HIGHLIGHTED = ".highlight:not(code), .codehilite:not(code), .highlighttable"  # what looks like a block of code
NOSCRIPT_END = re.compile("(?:<|&lt;)/noscript", re.IGNORECASE)  # in an attribute too, where scripts run
DRAWN = "docs/_diagrams"


class Known(NamedTuple):
    """What a page may show: every text that a code block may hold, and the words of every diagram that was drawn."""

    code: set[str]
    drawn: set[str]


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
    known = Known(known_code(course), known_diagrams(course.root / DRAWN))
    files = [file.relative_to(site).as_posix() for file in sorted(site.rglob("*")) if file.is_file()]
    pages = {path: look(course, path, site, known) for path in files if path.lower().endswith(PAGES)}
    anchors = {path: page.anchors for path, page in pages.items()}
    origin, known_files = Origin(course.root, site), set(files)
    faults = [
        origin.fault(path, text, words)
        for path, page in pages.items()
        for text, words in (*page.faults, *dead(path, page.links, known_files, anchors, home))
    ]
    for path in [path for path in files if path.lower().endswith(".css")]:
        text, unread = read_text(site, path)
        if unread:
            faults.append(unread[0]._replace(path=origin.own(path) or path))
        elif line := addresses.in_style(text)[1]:
            faults.append(Fault(origin.own(path) or path, line, "loads something from another host"))
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


def known_diagrams(folder: Path) -> set[str]:
    """Return the words of each diagram that was drawn ahead."""
    return {words_of(LexborHTMLParser(file.read_text("utf-8")).css_first("svg")) for file in folder.glob("*.svg")}


def words_of(svg: LexborNode | None) -> str:
    """Return the words that an SVG shows."""
    return " ".join(" ".join(tag.text() for tag in svg.css("text")).split()) if svg else ""


def look(course: Course, path: str, site: Path, known: Known) -> Looked:
    """Look at one page, and keep nothing of its tree."""
    text, unread = read_text(site, path)
    page = LexborHTMLParser(text)
    targets: dict[str, None] = {}
    faults = [Found("is not UTF-8; save it as UTF-8", ()) for _ in unread]
    faults += [*code(course, page, path, known), *links(page, targets), *requests(page, targets), *figures(page)]
    anchors = {str(tag.attributes["id"]) for tag in page.css("[id]")}
    return Looked([*faults, *leftovers(page)], targets, anchors)  # the last takes the page apart


def code(course: Course, page: LexborHTMLParser, path: str, known: Known) -> Iterator[Found]:
    """Find blocks that no test has run, empty ones, and others that cannot be compared."""
    for block in page.css("pre"):
        text = block.text().strip("\n")
        if not text.strip():
            yield Found("an empty code block", ("<pre",))
        elif text not in known.code and (f"docs/{path.removesuffix('.html')}.md", text.strip()) not in course.allowed:
            first = text.strip().splitlines()[0]
            said = f"a code block that is in no snippet, output or allow-list: {text.splitlines()[0][:60]}"
            yield Found(said, (first.strip(),))
    for tag in page.css(UNCOMPARED):
        if tag.tag == "script":
            wrong = (tag.attributes["type"] or "").strip().lower() not in SCRIPTS
        elif tag.tag == "text":
            wrong = words_of(outermost(tag, "svg")) not in known.drawn
        else:
            wrong = tag.tag != "code" or ("\n" in tag.text() and not outermost(tag, "pre"))
        if wrong:
            text = tag.attributes.get("value") or tag.text()
            words = next((line.strip() for line in text.splitlines() if line.strip()), "")
            yield Found(f"a block of code in <{tag.tag}>, where it cannot be compared", (words, f"<{tag.tag}"))
    for tag in [*page.css(LINES), *filter(looks_like_code, page.css("[style]")), *beside_code(page)]:
        words = " ".join(tag.text().split())
        yield Found("lines of code that are no block, so that they cannot be compared", (words, f"<{tag.tag}"))


def outermost(tag: LexborNode, name: str) -> LexborNode | None:
    """Return the outermost of the tags of a name that a tag stands in."""
    found, at = None, tag.parent
    while at:
        found = at if at.tag == name else found
        at = at.parent
    return found


def looks_like_code(tag: LexborNode) -> bool:
    """Tell whether a style makes words look like code, or keeps their lines."""
    return not AS_CODE.isdisjoint(addresses.properties(tag.attributes["style"] or ""))


def beside_code(page: LexborHTMLParser) -> Iterator[LexborNode]:
    """Find what looks like a block of code and holds words beside its block and the block's title."""
    for frame in page.css(HIGHLIGHTED):
        for child in frame.iter(include_text=True):
            title = child.tag == "span" and child.attributes.get("class") == "filename"
            if child.tag != "pre" and not title and child.text().strip():
                yield frame
                break


def leftovers(page: LexborHTMLParser) -> Iterator[Found]:
    """Find in the prose, which is all that this leaves of the page, what should have been expanded."""
    page.strip_tags(["pre", "code", "script", "style"])
    text = page.root.text(separator="\n") if page.root else ""
    for match in LEFTOVER.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
        yield Found(f"a literal {match[0]!r} that should have been expanded", (line.strip(), match[0].strip()))


def links(page: LexborHTMLParser, targets: dict[str, None]) -> Iterator[Found]:
    """Add to `targets` where a reader is led to within the site, and find what leads to no page at all."""
    found = [tag.attributes for tag in page.css("a, area, link")]
    for target in dict.fromkeys(value for one in found for name in HREFS if (value := one.get(name))):
        address = addresses.read(target)
        if not (addresses.SCHEME.match(address) or addresses.leads_out(address)):
            targets[target] = None
        elif addresses.SCHEME.match(address) and not address.lower().startswith(SCHEMES):
            yield Found(f"a link to {target}, which is no address of a page", (target,))


def requests(page: LexborHTMLParser, targets: dict[str, None]) -> Iterator[Found]:
    """Add to `targets` what a browser would fetch from the site, and find what it would fetch from another host."""
    for tag in page.css(LOADS):
        attributes = tag.attributes
        if tag.tag == "base":
            yield Found("a <base>, which leads each address of the page elsewhere", ("<base",))
            continue
        for name, value in attributes.items():
            if value and name not in WORDS and not followed(tag, name):
                yield from request(tag, name, value, targets)
        if "http-equiv" in attributes:
            words = (attributes.get("content") or "", "<meta")
            yield Found("a <meta http-equiv>, which speaks in the place of the web server", words)
        elif tag.tag == "noscript" and len(NOSCRIPT_END.findall(tag.html or "")) > 1:
            yield Found(
                "a <noscript> that ends earlier where scripts run, so that readers see another page", ("<noscript",)
            )
        elif tag.tag == "script" and (address := addresses.in_script(tag.text())):
            yield Found("<script> loads from another host", (address,))
    for tag in page.css("[style], style"):
        for style in (tag.attributes.get("style") or "", tag.text() if tag.tag == "style" else ""):
            if address := addresses.in_style(style)[0]:
                yield Found(f"<{tag.tag}> has a style that loads from another host", (address, style))


def followed(tag: LexborNode, name: str) -> bool:
    """Tell whether an attribute is where a reader, or a machine that reads, is led to: it loads nothing."""
    if name in HREFS:
        rels = (tag.attributes.get("rel") or "").lower().split()
        return tag.tag in ("a", "area") or (tag.tag == "link" and bool(rels) and FOLLOWED.issuperset(rels))
    return name == "style" or name.startswith("aria-")


def request(tag: LexborNode, name: str, value: str, targets: dict[str, None]) -> Iterator[Found]:
    """Add to `targets` where an attribute leads to within the site, or find where it leads to outside."""
    known = name in ADDRESSES
    if wrong := addresses.loads(value) if known else addresses.outside(value) or addresses.in_style(value)[0]:
        yield Found(f"<{tag.tag} {name}> loads from another host: {value}", (value, wrong))
    elif known or name in SETS:
        inside = [value] if known else addresses.several(value)
        targets.update(dict.fromkeys(one for one in inside if not addresses.SCHEME.match(addresses.read(one))))


def dead(
    page: str, targets: dict[str, None], files: Iterable[str], anchors: dict[str, set[str]], home: str
) -> Iterator[Found]:
    """Find links and anchors that lead nowhere; case counts, whatever the file system thinks."""
    for target in targets:
        path, _, fragment = addresses.read(target).partition("#")
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
