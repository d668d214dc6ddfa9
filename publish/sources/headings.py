"""Headings of pages: whether one that a source names is there, and the link that leads to it."""

from pathlib import Path

from markdown.extensions.toc import slugify, unique

from publish.sources.blocks import split


def page_problem(root: Path, target: str) -> str:
    """Say what is wrong with the page that a source names, with or without an anchor; nothing if it is there."""
    path, _, anchor = target.partition("#")
    page = (root / "docs" / path).resolve()
    if not page.is_file() or page.suffix != ".md" or not page.is_relative_to((root / "docs").resolve()):
        return f"docs/{path} does not exist; name a page below docs/, with its suffix"
    if anchor not in headings(page.read_text("utf-8")):
        return f"docs/{path} has no heading with the anchor {anchor}"
    return ""


def headings(page: str) -> dict[str, str]:
    """Return the headings of a page by their anchors; its title by the empty one too."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for line in [line for block in split(page) if not block.fenced for line in block.text.split("\n")]:
        if line.startswith("#") and line.lstrip("#").startswith(" "):
            words, _, attributes = line.strip("# ").partition(" {")
            own = [part[1:] for part in attributes.rstrip("}").split() if part.startswith("#")]
            found[own[0] if own else unique(slugify(words, "-"), used)] = words
            if line.startswith("# "):
                found.setdefault("", words)
    return found


def link(root: Path, target: str) -> str:
    """Return a link to a page, named by its title and the heading that the anchor means."""
    path, _, anchor = target.partition("#")
    found = headings((root / "docs" / path).read_text("utf-8"))
    words = ": ".join(dict.fromkeys([found.get("", path), found[anchor]]))
    return f"[{words}](/{target})"
