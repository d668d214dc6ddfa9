"""Render every Mermaid fence ahead to one small SVG that takes its colours from the page: `python -m publish.draw`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from publish.pages.diagrams import FENCE, FLAGS, ROOT, STYLE, TIDY, chromium, problems, svg_path
from publish.pages.protocol import Part
from publish.parts.table import PARTS
from publish.sources.blocks import split
from publish.sources.course import Course
from publish.sources.files import Fault, Text


def draw(missing: dict[Path, tuple[str, int, str]]) -> Iterator[tuple[Path, str | Fault]]:
    """Yield for each path its SVG, or what Mermaid has against its source."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for path, (name, line, source) in missing.items():
            page = browser.new_page()
            page.add_script_tag(path=ROOT / "node_modules/mermaid/dist/mermaid.min.js")
            error, svg = page.evaluate(TIDY, [f"dg-{path.stem}", source, STYLE])
            said = re.search(r" on line (\d+)", error)  # counted without comments
            code = [at for at, text in enumerate(source.split("\n"), line + 1) if not text.lstrip().startswith("%%")]
            at = code[min(int(said[1]), len(code)) - 1] if said else line
            yield path, Fault(name, at, " ".join(re.sub(r" on line \d+|-*\^", "", error).split())) if error else svg


def render(course: Course, parts: tuple[Part, ...]) -> list[str]:
    """Render what is missing and delete what nothing uses: all of it or, if there are faults to return, nothing."""
    docs = course.root / "docs"
    wanted: dict[Path, tuple[str, int, str]] = {}
    faults = [str(fault) for fault in course.faults]  # a page that cannot be read uses diagrams too
    pages = [Text(path, 1, text) for path, text in course.pages.items()]
    for name, _, text in (*pages, *(text for part in parts for text in part.diagrams(course))):
        for block in split(text):
            if fence := FENCE.fullmatch(block.text):
                faults += [str(Fault(name, block.line, problem)) for problem in problems(block.text)]
                wanted.setdefault(svg_path(fence["source"], docs), (name, block.line, fence["source"]))
    missing = {path: place for path, place in wanted.items() if not path.exists()}
    if missing and not faults and not chromium():
        faults.append("Chromium, which renders the diagrams, was not found; install it: sudo apt-get install chromium")
    drawn = dict(draw(missing)) if missing and not faults else {}
    faults += [str(svg) for svg in drawn.values() if isinstance(svg, Fault)]
    if faults:
        return faults
    for path, svg in drawn.items():
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(f"{svg}\n", "utf-8")
        draft.replace(path)
        print(f"{path.relative_to(course.root).as_posix()} drawn for {wanted[path][0]}:{wanted[path][1]}")
    for path in {*docs.glob("_diagrams/*.svg")} - {*wanted}:
        path.unlink()
        print(f"{path.relative_to(course.root).as_posix()} deleted, no page uses it")
    return []


if __name__ == "__main__":
    sys.exit("\n".join(render(Course(Path.cwd()), PARTS)) or None)
