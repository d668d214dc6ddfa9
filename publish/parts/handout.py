"""Print the handout of the built site to build/handout.pdf: `python -m publish.parts.handout` (make handout)."""

import sys
from pathlib import Path

from publish.pages.diagrams import FLAGS, chromium
from publish.pages.protocol import Part, Site
from publish.sources.course import Course

PAGE = "handout/index.html"
FILE = "build/handout.pdf"  # where it is printed to
TARGET = "handout/handout.pdf"  # where the site has it


def render(course: Course, _: str) -> str:
    """Return what the line `::: handout download` stands for: a link, once the handout has been printed."""
    return f"[Download it as a PDF](/{TARGET}){{: download }}" if (course.root / FILE).exists() else ""


def pages(course: Course, _: Site) -> dict[str, bytes]:
    """Return the PDF, once it has been printed."""
    return {TARGET: (course.root / FILE).read_bytes()} if (course.root / FILE).exists() else {}


def print_pdf(site: Path, target: Path) -> None:
    """Print the page of the site built into `site`: tagged, with an outline, whole or not at all."""
    from playwright.sync_api import sync_playwright  # a site build does without

    draft = target.with_name(target.name + ".new")
    target.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page()
        page.goto((site / PAGE).resolve().as_uri())
        page.pdf(path=draft, prefer_css_page_size=True, tagged=True, outline=True)
        browser.close()
    draft.replace(target)


def main(root: Path) -> None:
    """Print the handout of the course at `root`."""
    if not (root / "site" / PAGE).exists():
        sys.exit(f"site/{PAGE} does not exist; build it first: make site")
    if not chromium():
        sys.exit("Chromium, which prints the handout, was not found; install it: sudo apt-get install chromium")
    print_pdf(root / "site", root / FILE)
    print(f"Printed: {FILE}. The next `make site` puts it on the site.")


PART = Part("handout", ("download",), render=render, pages=pages)

if __name__ == "__main__":
    main(Path.cwd())
