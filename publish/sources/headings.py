"""Headings of pages: whether one that a source names is there, and the link that leads to it."""

import re

from markdown.extensions.toc import slugify, unique

from publish.sources.blocks import split
from publish.sources.course import Course, once


def page_problem(course: Course, target: str) -> str:
    """Say what is wrong with the page that a source names, with or without an anchor; nothing if it is there."""
    path, _, anchor = target.partition("#")
    if f"docs/{path}" not in course.pages:
        return f"docs/{path} does not exist; name a page below docs/, with its suffix"
    if anchor not in headings(course, path):
        return f"docs/{path} has no heading with the anchor {anchor}"
    return ""


@once
def headings(course: Course, path: str) -> dict[str, str]:
    """Return the headings of the page at `path` below docs/ by their anchors; its title by the empty one too."""
    found: dict[str, str] = {}
    used: set[str] = set()
    blocks = split(course.pages[f"docs/{path}"])
    for line in [line for block in blocks if not block.fenced for line in block.text.split("\n")]:
        if line.startswith("#") and line.lstrip("#").startswith(" "):
            words, _, attributes = line.strip("# ").partition(" {")
            own = [part[1:] for part in attributes.rstrip("}").split() if part.startswith("#")]
            found[own[0] if own else unique(slugify(words, "-"), used)] = words
            if line.startswith("# "):
                found.setdefault("", words)
    return found


@once
def title(course: Course, target: str) -> str:
    """Return the title of the page that a source names, with or without an anchor: what its front matter says, or its
    first heading, or its path."""
    path = target.partition("#")[0]
    front = re.match(r"---\n(?:(?!---).*\n)*?title: +(.*)\n", course.pages.get(f"docs/{path}", ""))
    return front[1].strip('"') if front else headings(course, path).get("", path)


def link(course: Course, target: str) -> str:
    """Return a link to a page, named by its title and the heading that the anchor means."""
    path, _, anchor = target.partition("#")
    words = ": ".join(dict.fromkeys([title(course, target), headings(course, path)[anchor]]))
    return f"[{words}](/{target})"
