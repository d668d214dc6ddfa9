"""Each fault of the table of exercises, fed in by a change to a sound one; and the table that a page shows."""

from pathlib import Path

import pytest

from publish.parts import exercises
from publish.parts.exercises import TABLE
from publish.sources.course import Course
from tests.publish.conftest import Write, check, expand

SOUND = {
    TABLE: """\
- { number: 1, kind: repair, folder: exercises/mend, page: exercises/mend.md, taught: get.md, minutes: 15, where: classroom }
- { number: 2, kind: write, folder: exercises/mend, page: exercises/new.md, taught: get.md, minutes: 25, where: homework }
""",
    "docs/get.md": "# Get\n\n::: exercises table\n",
    "docs/exercises/mend.md": '---\ntitle: "Exercise 1: mend it"\n---\n\n# Exercise 1: mend it\n',
    "docs/exercises/new.md": "# Exercise 2: write it\n",
    "snippets/exercises/mend/starter.py": '"""Start."""\n',
    "snippets/exercises/mend/starter.mjs": "// Start.\n",
    "snippets/exercises/mend/solution.py": '"""Solve."""\n',
}

# name: (what is replaced, by what, the line and the words of the fault)
BAD = {
    "missing field": (" kind: repair,", "", "1: an exercise lacks kind"),
    "unknown field": ("kind: repair", "kind: repair, hint: x", "1: an exercise has a field hint"),
    "unknown kind": ("kind: write", "kind: guess", "2: there is no kind guess; it is one of complete, repair, write"),
    "unknown place": ("where: homework", "where: train", "2: there is no where train; it is one of classroom, homework"),
    "number that is a word": ("number: 2", "number: two", "2: number is a whole number from 1 on, not two"),
    "number zero": ("number: 2", "number: 0", "2: number is a whole number from 1 on, not 0"),
    "number twice": ("number: 2", "number: 1", "2: there is an exercise 1 already"),
    "minutes that are a word": ("minutes: 15", "minutes: some", "1: minutes is a whole number from 1 on, not some"),
    "page that is not there": ("page: exercises/new.md", "page: exercises/gone.md", "2: docs/exercises/gone.md does not"),
    "page of another title": ("page: exercises/new.md", "page: get.md", '2: the title of docs/get.md does not begin with "Exercise 2: "'),
    "lesson that is not there": ("taught: get.md, minutes: 15", "taught: got.md, minutes: 15", "1: docs/got.md does not exist"),
    "folder without a starter": ("folder: exercises/mend, page: exercises/new", "folder: exercises/new, page: exercises/new", "2: snippets/exercises/new/starter.* does not exist"),
    "table that is text": (SOUND[TABLE], "none", "1: the table is no list"),
    "entry that is text": (SOUND[TABLE], "- one\n", "1: an exercise has no fields"),
    "empty table": (SOUND[TABLE], "# none\n", "1: is empty"),
    "no YAML": (SOUND[TABLE], "- {", "1: is not valid YAML"),
}  # fmt: skip


@pytest.fixture
def root(write: Write) -> Path:
    """A small course with sound exercises."""
    return write(SOUND)


def test_sound_table_has_no_faults(root: Path) -> None:
    assert check(root) == []


def test_no_table_is_no_fault(tmp_path: Path) -> None:
    assert exercises.PART.check(Course(tmp_path)) == []


@pytest.mark.parametrize("name", BAD)
def test_fault_is_found_with_its_line(root: Path, name: str) -> None:
    old, new, expected = BAD[name]
    assert old in SOUND[TABLE]
    (root / TABLE).write_text(SOUND[TABLE].replace(old, new, 1), "utf-8")
    found = [str(fault) for fault in exercises.PART.check(Course(root))]
    assert any(fault.startswith(f"{TABLE}:{expected}") for fault in found), found


def test_lesson_may_be_a_heading(root: Path) -> None:
    (root / TABLE).write_text(SOUND[TABLE].replace("taught: get.md", "taught: get.md#why"), "utf-8")
    (root / "docs/get.md").write_text(SOUND["docs/get.md"] + "\n## Why\n", "utf-8")
    assert check(root) == []
    assert "[Get](/get.md#why)" in expand(root, "::: exercises table\n")


def test_table_names_languages_and_lessons(root: Path) -> None:
    lines = expand(root, "::: exercises table\n").strip().split("\n")
    assert lines[2] == "| [1: mend it](/exercises/mend.md) | repair, 15 minutes | Python, Node.js | [Get](/get.md) |"
    assert lines[3].startswith("| [2: write it](/exercises/new.md) | write, 25 minutes |")
    assert len(lines) == 4
