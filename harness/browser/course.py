"""What the sources say about the pages of the site: which there are, and what each shows."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from publish.sources import blocks
from publish.sources.course import Course
from publish.sources.includes import Include, included
from publish.sources.languages import LANGUAGES, PROGRAMMING
from publish.sources.snippets import RESERVED, Snippet

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = Course(ROOT)
SNIPPETS = {snippet.path: snippet for snippet in SOURCES.snippets.files}
LABELS = [language.label for language in PROGRAMMING]
COURSE = {  # the pages that people wrote, by their address
    file.relative_to(ROOT / "docs").with_suffix(".html").as_posix(): file.read_text("utf-8")
    for file in sorted((ROOT / "docs").rglob("*.md"))
    if "_course" not in file.parts
}
DECK = "present/index.html"
GENERATED = ["404.html", DECK, "quiz/index.html", "snippets/index.html", "teach/index.html"]


def listings() -> list[str]:
    """Return the longest source page in each language: they differ in their lines only."""
    files = {*SNIPPETS, *(proof.path for found in SOURCES.proofs.values() for proof in found)}
    longest = {Path(path).suffix: path for path in sorted(files, key=lambda path: (ROOT / path).stat().st_size)}
    return sorted(f"source/{path}.html" for path in longest.values())


def includes(path: str) -> list[Include]:
    """Return the include lines of a page."""
    return [include for include in included(COURSE.get(path, "")) if include.example in SOURCES.snippets.examples]


def programs(path: str) -> list[Include]:
    """Return the include lines of a page that show a program or a transcript, not what it printed."""
    return [include for include in includes(path) if include.section != RESERVED]


LISTINGS = listings()
PAGES = sorted([*COURSE, *GENERATED, *LISTINGS])
TABBED = [path for path in COURSE if programs(path)]
DRAWN = [path for path, text in COURSE.items() if "```mermaid" in text]
PROVED = [path for path, text in COURSE.items() if "](proof:" in text]
ASKING = [path for path, text in COURSE.items() if "::: quiz " in text]
FOLDED = [path for path, text in COURSE.items() if "??? " in text]
# The longest of each kind. What the template does alike everywhere is tried out on these, at each of its states.
USED = [max({*TABBED} & {*PROVED} & {*kind}, key=lambda path: len(COURSE[path])) for kind in (ASKING, FOLDED)]


def offered(path: str) -> list[str]:
    """Return the languages of the programs that a page shows."""
    found = {one.language for include in programs(path) for one in examples(include)}
    return [language.label for language in LANGUAGES.values() if language in found and not language.transcript]


def on_paper(path: str) -> str:
    """Return the language that is chosen before a page is printed: the second, where there are two."""
    return (offered(path) or [""])[:2][-1]


def examples(include: Include) -> list[Snippet]:
    """Return the files of an example, in all languages."""
    return [*SOURCES.snippets.examples[include.example].values()]


def chosen(include: Include, label: str) -> Snippet:
    """Return the file that a block shows when the tab `label` is chosen: its first where it has no such tab."""
    first, *others = examples(include)
    return next((snippet for snippet in others if snippet.language.label == label), first)


def code(path: str, label: str) -> Iterator[str]:
    """Yield the code that a page shows when the tab `label` is chosen, by the page's source."""
    for block in blocks.split(COURSE[path]):
        if block.fenced and block.info != "mermaid":
            yield textwrap.dedent("\n".join(block.text.split("\n")[1:-1]))
        for include in [] if block.fenced else included(block.text):
            if include.example not in SOURCES.snippets.examples:
                continue
            if include.section == RESERVED:
                yield SOURCES.snippets.outputs[include.example].rstrip("\n")
            else:
                yield chosen(include, label).sections[include.section].code
