"""Mermaid fences: what is wrong with one, where its SVG lies, and the page with the SVGs in it.

A diagram stands at the top level of its page: inside a list, a tab or an admonition Markdown takes an SVG apart.
"""

import functools
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from publish.sources.blocks import split

ROOT = Path(__file__).resolve().parent.parent.parent
OFF = ("gpu", "quic", "background-networking", "component-update", "sync")
FLAGS = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{part}" for part in OFF)]
FENCE = re.compile(r"(?P<indent>[\s>]*)(?P<mark>`{3,}|~{3,}) *mermaid\s*\n(?P<source>.*)\n[\s>]*(?P=mark).*", re.DOTALL)
COLOURS = {"ink": "#1f2933", "line": "#52606d", "fill": "#f5f7fa", "stroke": "#9aa5b1", "bg": "#fff"}
COLOURS |= {"accent": "#c2410c", "accent-fill": "#fff3ea", "note": "#fff8db", "note-ink": "#1f2933"}
STYLE = """text, tspan { fill: $ink } .noteText, .noteText tspan { fill: $note-ink } .labelText { font-weight: 700 }
.node :is(rect, polygon, circle, path), .cluster rect, .actor-man :is(circle, line), [class^="activation"],
rect.actor, rect.note, .labelBox, .actor-line, .loopLine { fill: $fill; stroke: $stroke; stroke-width: 1.25px }
.accent :is(rect, polygon, circle, path) { fill: $accent-fill; stroke: $accent } rect.note { fill: $note }
.cluster rect { fill: none; stroke-dasharray: 5 4 } .loopLine:not([style]) { stroke-dasharray: none }
.flowchart-link, .messageLine0, .messageLine1 { stroke: $line; stroke-width: 1.25px }
.messageLine1 { stroke-dasharray: 5 3 } .edge-thickness-thick { stroke-width: 2.5px }
marker * { fill: $line; stroke: $line } .sequenceNumber { fill: $bg } .edgeLabel rect { fill: $bg; opacity: 1 }
.messageText, .loopText, .loopText tspan, .sectionTitle, .cluster-label text {
  paint-order: stroke; stroke: $bg; stroke-width: 5px; stroke-linejoin: round }"""
STYLE = re.sub(r"\$([\w-]+)", lambda name: f"var(--dg-{name[1]}, {COLOURS[name[1]]})", STYLE)
STYLE = re.sub(r"(?=;| })", " !important", STYLE)
TIDY = Path(__file__).with_suffix(".js").read_text("utf-8")


def chromium() -> str | None:
    """Return the browser to use: the one that CHROMIUM names, or one on the PATH, first one without windows."""
    names = (os.environ.get("CHROMIUM", ""), "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@functools.cache
def version() -> str:
    """Return the version of Mermaid."""
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    return str(lock["packages"]["node_modules/mermaid"]["version"])


def svg_path(source: str, docs: Path) -> Path:
    """Return where the SVG of a diagram lies; its name holds source, Mermaid version and style, so it cannot be old."""
    key = "\n".join([version(), STYLE, TIDY, *(line.rstrip() for line in source.strip("\n").split("\n"))])
    return docs / "_diagrams" / f"{hashlib.sha256(key.encode()).hexdigest()[:12]}.svg"


def problems(fence: str) -> Iterator[str]:
    """Say what keeps a fence from being inlined, or a reader from hearing what it shows."""
    if fence[0] in " \t>":
        yield "a diagram stands at the top level of its page; take it out of the list, tab, quote or admonition"
    for name in ("accTitle", "accDescr"):
        if not re.search(rf"^[\s>]*{name}\s*[:{{]\s*\S", fence, re.MULTILINE):
            yield f"a diagram says in words what it shows; give it a line `{name}: …`"


def inline(markdown: str, docs: Path) -> str:
    """Return the page with the SVG in place of each fence that has one; Mermaid renders the others in the browser."""
    seen: Counter[str] = Counter()

    def figure(text: str) -> str:
        fence = FENCE.fullmatch(text)
        if not fence or fence["indent"] or not (path := svg_path(fence["source"], docs)).exists():
            return text
        seen[path.stem] += 1
        name = f"dg-{path.stem}" if seen[path.stem] == 1 else f"dg-{path.stem}-{seen[path.stem]}"
        svg = path.read_text("utf-8").strip().replace(f"dg-{path.stem}", name)
        return f'\n<figure class="diagram">{svg}</figure>\n'

    return "\n".join(figure(block.text) if block.fenced else block.text for block in split(markdown))


def stale(markdown: str, docs: Path) -> list[int]:
    """Return the lines of the fences that have no SVG of this very source, version and style."""
    found = [(block.line, FENCE.fullmatch(block.text)) for block in split(markdown)]
    return [line for line, fence in found if fence and not svg_path(fence["source"], docs).exists()]
