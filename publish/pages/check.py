"""Check the sources before a build: every fault as `file:line: what is wrong and what to do`."""

import re
import sys
from collections.abc import Iterator

from publish.pages import diagrams, limits
from publish.pages.check_page import Checker
from publish.pages.protocol import Part
from publish.sources import languages
from publish.sources.course import ALLOWED, Course
from publish.sources.files import Fault
from publish.sources.nodes import document, repeated

DATA = "docs/_course/"
FRONT = re.compile(r"-{3}[ \t]*\n(.*?\n)(?:\.{3}|-{3})[ \t]*\n", re.DOTALL)  # of a page, as its renderer finds it


def check(course: Course, parts: tuple[Part, ...], strict: bool = False, left: bool = False) -> list[Fault]:
    """Return all faults of a course. `strict` adds what may pass while editing: what has not run since it changed.

    `left` lets parts have something left to run all the same.
    """
    faults = [*course.faults, *course.snippets.faults, *course.ledger.faults, *documents(course), *front(course)]
    faults = faults or [*course.collected.faults]
    if faults:
        return faults  # the pages could only repeat them
    faults += [fault for part in parts for fault in part.check(course)]
    checker = Checker(course, parts)
    for path, text in course.pages.items():
        faults += checker.page(path, text)
    for written in [text for part in parts for text in part.read(course).texts]:
        faults += [fault._replace(line=written.line) for fault in checker.page(written.path, written.text)]
    for snippet in course.snippets.files:
        for name, section in snippet.sections.items():
            if (snippet.example, name) not in checker.shown:
                where = f"add `::: {snippet.example} {name}` to one or remove its markers"
                faults.append(Fault(snippet.path, section.marker, f"no page shows section {name}; {where}"))
        faults += limits.faults(snippet)
    if strict:
        faults += [*behind(course, parts), *(fault for part in parts if not left for fault in part.behind(course))]
    return faults


def behind(course: Course, parts: tuple[Part, ...]) -> Iterator[Fault]:
    """Find what was not drawn or not run since it changed."""
    docs = course.root / "docs"
    for path, text in course.pages.items():
        for line in diagrams.stale(text, docs):
            yield Fault(path, line, "this diagram is not drawn; run `make diagrams`")
    for drawn in [text for part in parts for text in part.diagrams(course)]:
        if diagrams.stale(drawn.text, docs):
            yield Fault(drawn.path, drawn.line, "its diagram is not drawn; run `make diagrams`")
    for path, problem in course.problems.items():
        if problem:
            yield Fault(path, 1, f"{problem}; run `make test`")


def documents(course: Course) -> Iterator[Fault]:
    """Find files below docs/ that hold code past the snippets, and data that cannot be read."""
    for path in course.paths:
        if languages.suffix(path) or path.endswith((".markdown", ".mkd", ".mkdn", ".mdown")):
            yield Fault(path, 1, "code belongs below snippets/, and a page's name ends in .md")
        elif path.startswith(DATA) and not path.endswith((".md", ".yml")):
            yield Fault(path, 1, f"is not read; below {DATA} a name ends in .md or .yml")
    for data in course.data.values():
        yield from data.faults
    yield from repeated(ALLOWED, course.yaml(ALLOWED).root, "an entry")
    for entry in course.allow_list:
        names = ("page", "code", "reason")
        if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in names):
            yield Fault(ALLOWED, 1, "is a list of entries with page, code and reason, each a text")


def front(course: Course) -> Iterator[Fault]:
    """Find pages whose front matter cannot be read, so that readers would see it; or whose first words pass for it."""
    for path, text in course.pages.items():
        if path.startswith(DATA):
            continue  # a slide's own is read with it
        if match := FRONT.match(text):
            found = document(path, f"\n{match[1]}")  # below the line of ---
            yield from (fault._replace(text=f"its front matter {fault.text}") for fault in found.faults)
            if not (found.faults or isinstance(found.data, dict)):
                yield Fault(path, 2, "its front matter is a list of `key: value`")
            yield from repeated(path, found.root, "the front matter")
        elif text.startswith("---"):
            yield Fault(path, 1, "begins with ---, and there is no second line of --- to end its front matter")
        elif re.match(r" {0,3}[\w-]+:", text):
            yield Fault(path, 1, "begins with a word and a colon, as front matter does; begin with a heading")


def report(faults: list[Fault]) -> None:
    """Print all faults and leave with exit code 1 if there are any."""
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}; nothing was built.")
