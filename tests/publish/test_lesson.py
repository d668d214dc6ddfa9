"""Each fault of the lesson plan and its slides, fed in by a change to a sound lesson; and what a sound one yields."""

from pathlib import Path

import pytest

from publish.parts import deck, lesson, lesson_strip
from publish.sources.course import Course
from tests.publish.conftest import Write

PLAN, TITLE, CODE = lesson.PLAN, f"{lesson.SLIDES}/opening/1-title.md", f"{lesson.SLIDES}/patterns/1-read.md"
SOUND = {
    PLAN: """minutes: 50
objectives: [Read., Write.]
sections:
  - { id: opening, title: Opening, minutes: 2, activity: Lecture, complete: true }
  - { id: patterns, title: Patterns, minutes: 48, activity: Code, complete: false }
""",
    TITLE: """---
id: title
page: index.md
minutes: 2
priority: must
objective: 1
---

# Caching

Note:

Welcome to all.
""",
    CODE: """---
id: read
page: patterns/get.md#read
minutes: 1
priority: optional
objective: 2
demo: 20
steps:
  Python: [1-2, 4]
  C#: [1, 2]
---

## Read

::: shop/get read (no Node.js: the same)

Note:

See how it reads.
""",
    "docs/index.md": "# Start\n",
    "docs/patterns/get.md": "# Get\n\n## Read\n",
    "snippets/shop/get.py": "# --8<-- [start:read]\na = 1\nb = 2\n\nc = 3\n# --8<-- [end:read]\n",
    "snippets/shop/get.cs": "// --8<-- [start:read]\na = 1\nb = 2\n// --8<-- [end:read]\n",
    "snippets/shop/get_async.py": "# --8<-- [start:read]\na = 1\n# --8<-- [end:read]\n",  # no slide shows it
}

# name: (file, what is replaced in it, by what, where and what the check must say)
BAD = {
    "sections do not sum up": (PLAN, "minutes: 48", "minutes: 47", f"{PLAN}:3: the sections take 49 minutes, the lesson has 50"),
    "slides exceed a section": (CODE, "minutes: 1", "minutes: 49", f"{PLAN}:5: the slides of patterns take 49 of its 48 minutes"),
    "complete section not full": (TITLE, "minutes: 2", "minutes: 1", f"{PLAN}:4: opening is called complete, and its slides fill 1 of its 2"),
    "plan that is a list": (PLAN, SOUND[PLAN], "- minutes\n", f"{PLAN}:1: the plan has no fields"),
    "empty plan": (PLAN, SOUND[PLAN], "# none\n", f"{PLAN}:1: is empty"),
    "plan lacks objectives": (PLAN, "objectives: [Read., Write.]\n", "", f"{PLAN}:1: the plan lacks objectives"),
    "objectives no list": (PLAN, "[Read., Write.]", "Read.", f"{PLAN}:2: objectives is no list"),
    "plan with an unknown field": (PLAN, "minutes: 50", "minutes: 50\nhours: 1", f"{PLAN}:2: the plan has a field hours"),
    "lesson's minutes a word": (PLAN, "minutes: 50", "minutes: fifty", f"{PLAN}:1: minutes is a whole number, not fifty"),
    "section's minutes a word": (PLAN, "minutes: 48", "minutes: most", f"{PLAN}:5: minutes is a whole number, not most"),
    "section lacks minutes": (PLAN, " minutes: 48,", "", f"{PLAN}:5: a section lacks minutes"),
    "section lacks title": (PLAN, " title: Opening,", "", f"{PLAN}:4: a section lacks title"),
    "section with an unknown field": (PLAN, "title: Opening", "titel: Opening", f"{PLAN}:4: a section has a field titel"),
    "section that is text": (PLAN, "  - { id: opening, title: Opening, minutes: 2, activity: Lecture, complete: true }", "  - Opening", f"{PLAN}:4: a section has no fields"),
    "complete that is neither": (PLAN, "complete: true", "complete: nearly", f"{PLAN}:4: complete is true or false, not nearly"),
    "two sections of one id": (PLAN, "id: patterns", "id: opening", f"{PLAN}:5: the id opening is taken"),
    "sections no list": (PLAN, SOUND[PLAN][SOUND[PLAN].index("sections:") :], "sections: 50\n", f"{PLAN}:3: sections is no list"),
    "notes too long": (TITLE, "Welcome", "word " * 300, f"{TITLE}:4: 302 words at 130 a minute and 0 s of demo take 2.3 minutes, it has 2"),
    "notes and demo too long": (CODE, "demo: 20", "demo: 59", f"{CODE}:4: 4 words at 130 a minute and 59 s of demo take 1.0 minutes, it has 1"),
    "no notes": (TITLE, "\nNote:\n\nWelcome to all.\n", "", f"{TITLE}:1: has no notes; write what is said behind a line `Note:`"),
    "empty notes": (TITLE, "Welcome to all.", "", f"{TITLE}:1: has no notes"),
    "no title": (TITLE, "# Caching", "Caching", f"{TITLE}:1: has no title"),
    "no front matter": (TITLE, "---\nid", "id", f"{TITLE}:1: a slide begins with front matter"),
    "front matter no YAML": (TITLE, "priority: must", "priority: must: yes", f"{TITLE}:5: its front matter is not valid YAML"),
    "front matter no mapping": (TITLE, "id: title\npage: index.md\nminutes: 2\npriority: must\nobjective: 1", "- id", f"{TITLE}:2: its front matter is a list of `key: value`"),
    "no id": (TITLE, "id: title\n", "", f"{TITLE}:1: the front matter lacks id"),
    "no page": (TITLE, "page: index.md\n", "", f"{TITLE}:1: the front matter lacks page"),
    "no minutes": (TITLE, "minutes: 2\n", "", f"{TITLE}:1: the front matter lacks minutes"),
    "minutes no number": (TITLE, "minutes: 2", "minutes: two", f"{TITLE}:4: minutes is a number, not 'two'"),
    "minutes not above zero": (TITLE, "minutes: 2", "minutes: 0", f"{TITLE}:4: minutes is more than 0"),
    "minutes no number of this world": (TITLE, "minutes: 2", "minutes: .nan", f"{TITLE}:4: minutes is more than 0"),
    "key that YAML takes for no text": (TITLE, "priority: must", "priority: must\nyes: 1", f"{TITLE}:"),
    "demo no number": (CODE, "demo: 20", "demo: yes", f"{CODE}:7: demo is a number of seconds, not True"),
    "unknown key": (CODE, "demo: 20", "language: Python", f"{CODE}:7: the front matter has language, which a slide does not know"),
    "unknown priority": (CODE, "optional", "maybe", f"{CODE}:5: priority is one of must, should, optional, not maybe"),
    "unknown objective": (CODE, "objective: 2", "objective: 3", f"{CODE}:6: there is no objective 3; the plan has 2"),
    "page that is not there": (CODE, "get.md#read", "got.md#read", f"{CODE}:3: its page docs/patterns/got.md does not exist"),
    "anchor that is not there": (CODE, "get.md#read", "get.md#write", f"{CODE}:3: its page docs/patterns/get.md has no heading with the anchor write"),
    "key twice": (TITLE, "minutes: 2", "minutes: 1\nminutes: 2", f"{TITLE}:5: the front matter has minutes twice; remove one"),
    "steps twice": (CODE, "  C#: [1, 2]", "  C#: [1, 2]\n  Python: [1, 2]", f"{CODE}:11: the front matter has Python twice"),
    "number of many digits": (CODE, "demo: 20", f"demo: {'9' * 4000}", f"{CODE}:7: demo is a number of at most 9 digits"),
    "minutes of many digits": (TITLE, "minutes: 2", f"minutes: {'9' * 400}", f"{TITLE}:4: minutes is a number of at most 9 digits"),
    "lesson's minutes of many digits": (PLAN, "minutes: 50", f"minutes: '{'9' * 5000}'", f"{PLAN}:1: minutes is a whole number, not 999"),
    "step of many digits": (CODE, "[1, 2]", f"[1, '2-{'9' * 5000}']", f"{CODE}:10: 2-999"),
    "duplicate id": (CODE, "id: read", "id: title", f"{CODE}:2: the id title is that of {TITLE} too; rename one"),
    "id no word": (CODE, "id: read", "id: Read it", f"{CODE}:2: an id is small letters, digits and hyphens, not Read it"),
    "folder of no section": (PLAN, "id: patterns", "id: designs", f"{CODE}:1: lies in no section's folder"),
    "steps no lists": (CODE, "[1, 2]", "1-2", f"{CODE}:10: steps are a list like [1-5, 7-11], not '1-2'"),
    "steps for an unknown language": (CODE, "  C#", "  Go", f"{CODE}:10: steps for Go; the slide shows Python, C#"),
    "steps for an optional language": (CODE, "  C#", "  Python (async)", f"{CODE}:10: steps for Python (async); the slide shows Python, C#"),
    "steps lack a language": (CODE, "  C#: [1, 2]\n", "", f"{CODE}:8: steps lack C#, in which the slide shows its code too"),
    "steps are not as many": (CODE, "[1, 2]", "[1]", f"{CODE}:10: C# has 1 steps, another language 2"),
    "step behind the section": (CODE, "[1, 2]", "[1, 2-3]", f"{CODE}:10: 2-3 is no range of lines of C#'s section, which has 2"),
    "step before the section": (CODE, "[1-2, 4]", "[0-2, 4]", f"{CODE}:9: 0-2 is no range of lines of Python's section, which has 4"),
    "step backwards": (CODE, "[1-2, 4]", "[2-1, 4]", f"{CODE}:9: 2-1 is no range of lines"),
    "step no range": (CODE, "[1-2, 4]", "[all, 4]", f"{CODE}:9: all is no range of lines"),
    "too many steps": (CODE, "[1-2, 4]", "[1, 2, 3, 4, 1, 2, 3]", f"{CODE}:8: has 7 steps; 6 are as many as a room follows"),
    "steps without code": (CODE, "::: shop/get read (no Node.js: the same)", "Words.", f"{CODE}:8: has steps, and no code to step through"),
}  # fmt: skip


@pytest.fixture
def root(write: Write) -> Path:
    """A sound lesson."""
    return write(SOUND)


def faults(root: Path) -> list[str]:
    return [str(fault) for part in (lesson_strip.PART, deck.PART) for fault in part.check(Course(root))]


def test_sound_lesson_has_no_faults(root: Path) -> None:
    assert faults(root) == []


def test_course_without_a_lesson_has_no_faults(tmp_path: Path) -> None:
    assert faults(tmp_path) == []
    assert deck.first_slides(Course(tmp_path)) == {}


@pytest.mark.parametrize("name", BAD)
def test_fault_is_found_with_its_line(root: Path, name: str) -> None:
    path, old, new, expected = BAD[name]
    assert SOUND[path].count(old) >= 1
    (root / path).write_text(SOUND[path].replace(old, new, 1), "utf-8")
    found = faults(root)
    assert any(fault.startswith(expected) for fault in found), found


@pytest.mark.parametrize(
    ("old", "new"), [("---\nid", "id"), ("id: title\n", ""), ("id: title", "id: title\nid: title")]
)
def test_slide_that_cannot_be_read_is_the_only_fault(root: Path, old: str, new: str) -> None:
    """That its section lacks its minutes would be noise."""
    (root / TITLE).write_text(SOUND[TITLE].replace(old, new, 1), "utf-8")
    assert [fault.partition(":")[0] for fault in faults(root)] == [TITLE]


def test_section_that_takes_too_long_even_without_a_slide_is_told(root: Path) -> None:
    (root / TITLE).write_text(SOUND[TITLE].replace("minutes: 2", "minutes: 3", 1), "utf-8")
    (root / TITLE).with_name("2-more.md").write_text("## More\n", "utf-8")
    assert [fault.partition(": ")[0] for fault in faults(root)] == [
        TITLE.replace("1-title", "2-more") + ":1",
        f"{PLAN}:4",
    ]


def test_slides_are_due_from_the_beginning_of_their_section(root: Path) -> None:
    plan = lesson.load(Course(root)).data
    assert plan.due() == {"title": 0, "read": 120}
    assert lesson.clock(plan.due()["read"]) == "02:00"
    assert deck.first_slides(Course(root)) == {"index.md": "title", "patterns/get.md": "read"}
