"""A part that has everything that a part may have, and what the press makes of it."""

from pathlib import Path

import pytest

from publish import draw
from publish.pages import diagrams
from publish.pages.check import check
from publish.pages.expand import Expander
from publish.pages.protocol import Part
from publish.sources.course import Course, once
from publish.sources.files import Fault, Text
from publish.sources.nodes import Read
from tests.publish.conftest import Write

DATA = "docs/_course/words.yml"
FENCE = "```mermaid\nflowchart LR\n  accTitle: T\n  accDescr: D\n  a --> b\n```"


@once
def read(course: Course) -> Read[dict[str, str]]:
    words = course.yaml(DATA).data or {}
    texts = [Text(DATA, number, text) for number, text in enumerate(words.values(), 1)]
    return Read(words, [] if words else [Fault(DATA, 1, "has no words")], texts)


PART = Part(
    "words",
    ("list",),
    ids=lambda course: read(course).data,
    render=lambda course, section: ", ".join(read(course).data.values()) if section == "list" else read(course).data[section],
    read=read,
    faults=lambda course: [Fault(DATA, 2, "is long")] if len(read(course).data) > 2 else [],
    diagrams=lambda _: [Text(DATA, 1, FENCE)],
    fill=lambda course, text: text.replace("{words}", str(len(read(course).data))),
    marks=lambda _, path, text: [Fault(path, 1, "marks badly")] if "{word}" in text else [],
)  # fmt: skip
SOUND = {
    DATA: "a: Alpha\nb: Beta of {words}\n",
    "docs/page.md": "# Page\n\nThere are {words}.\n\n::: words list\n\n::: words b\n",
}

# name: (file, its text, what the check must say)
BAD = {
    "unknown section": ("docs/page.md", "::: words c\n", "docs/page.md:1: words has no c; it has list, a, b"),
    "indented by one": ("docs/page.md", " ::: words list\n", "docs/page.md:1: is no include; write"),
    "data": (DATA, "{}\n", f"{DATA}:1: has no words"),
    "what else is wrong": (DATA, "a: A\nb: B\nc: C\n", f"{DATA}:2: is long"),
    "text": (DATA, "a: A\nb: <pre>x</pre>\n", f"{DATA}:2: is HTML code that no test has run"),
    "mark in a text": (DATA, "a: A\nb: '{word}'\n", f"{DATA}:2: marks badly"),
    "mark on a page": ("docs/page.md", "{word}\n", "docs/page.md:1: marks badly"),
}


def faults(root: Path, strict: bool = False) -> list[str]:
    return [str(fault) for fault in check(Course(root), (PART,), strict)]


def test_sound_part_has_no_faults(write: Write) -> None:
    assert faults(write(SOUND)) == []


@pytest.mark.parametrize("name", BAD)
def test_fault_of_a_part_is_told_with_file_and_line(name: str, write: Write) -> None:
    path, text, said = BAD[name]
    assert any(fault.startswith(said) for fault in faults(write({**SOUND, path: text}))), faults(write({}))


def test_part_stands_in_the_page_and_is_filled_in_as_the_page_is(write: Write) -> None:
    page = Expander(Course(write(SOUND)), (PART,)).expand(SOUND["docs/page.md"])
    assert " ".join(page.split()) == "# Page There are 2. Alpha, Beta of 2 Beta of 2"


def test_without_its_row_a_part_is_nothing(write: Write) -> None:
    found = [str(fault) for fault in check(Course(write(SOUND)), ())]
    assert found[0].startswith("docs/page.md:5: snippets/words.* does not exist")


def test_diagram_of_a_part_is_drawn_ahead(write: Write) -> None:
    root = write(SOUND)
    assert f"{DATA}:1: its diagram is not drawn; run `make diagrams`" in faults(root, strict=True)
    svg = diagrams.svg_path(FENCE.removeprefix("```mermaid\n").removesuffix("\n```"), root / "docs")
    write({svg.relative_to(root).as_posix(): "<svg/>"})
    assert faults(root, strict=True) == []
    assert draw.render(Course(root), (PART,)) == []
    assert svg.exists()
    assert draw.render(Course(root), ()) == []
    assert not svg.exists()
