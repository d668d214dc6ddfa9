"""The quiz's bank: every fault it can have, what becomes of a question, and that programs print what traces say."""

import dataclasses
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from harness.runs import ran
from publish.parts import questions, quiz
from publish.sources.course import Course
from tests.publish.conftest import ROOT, Write, check, html, our_site

CODE = "{0} --8<-- [start:read]\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\n{0} --8<-- [end:read]\n"
FILE = f"{questions.FOLDER}/page.yml"
ASKED = """\
- id: colon
  anchor: key-names
  objective: 1
  type: single
  ask: Must a key hold a `:`?
  options:
    - text: No
      right: true
      why: It is [a convention](proof:it_reads).
    - text: "Yes"
      why: Redis does not look.
- id: both
  anchor: key-names
  objective: 2
  type: multiple
  ask: Which are even?
  options:
    - text: "2"
      right: true
      why: Even.
    - text: "4"
      right: true
      why: Even.
    - text: "5"
      why: Odd.
- id: prints
  anchor: own
  objective: 2
  type: trace
  program: shop/get
  line: 2
  show: read
  ask: What does it print next?
  options:
    - text: "second:  <2>"
      right: true
      why: So it does.
    - text: "second:  <1>"
      why: That was the first.
- id: race
  anchor: own
  objective: 1
  type: order
  ask: In which order?
  steps:
    - One
    - Two
    - Three
  why: Counting.
"""
SOUND = {
    FILE: ASKED,
    "docs/_course/lesson.yml": "minutes: 0\nsections: []\nobjectives: [Name <keys>., Count.]\n",
    "docs/page.md": "# A page\n\n## Key names\n\n## Other {#own}\n\n::: shop/get read\n\n::: quiz colon\n",
    "snippets/shop/get.py": '"""Get."""\n' + CODE.format("#"),
    "snippets/shop/get.cs": "// Get.\n" + CODE.format("//"),
    "snippets/shop/get.mjs": "// Get.\n" + CODE.format("//"),
    "snippets/shop/get.out": "first: 1\nsecond:  <2>\n",
    "snippets/shop/silent.py": '"""Say nothing."""\n',
    "tests/shop/test_get.py": "def test_it_reads() -> None:\n",
}

# name: (what is replaced in the file, by what, the line and the words of the fault)
BAD: dict[str, tuple[str, str, str]] = {
    "no right option": ("      right: true\n      why: It is", "      why: It is", "1: no option is right"),
    "two right, one allowed": ('"Yes"\n', '"Yes"\n      right: true\n', "10: 2 options are right"),
    "one option": ('    - text: "Yes"\n      why: Redis does not look.\n', "", "1: there is nothing to choose from"),
    "no options": ("options:\n    - text: No", "options: []\n  show: x\n  steps:\n    - text: No", "7: a question of type single has a field show"),
    "option without why": ('"Yes"\n      why: Redis does not look.', '"Yes"', "10: an option lacks why"),
    "option with an empty why": ("why: Redis does not look.", "why:", "11: the why of an option is empty"),
    "option that is only text": ('- text: "Yes"\n      why: Redis does not look.', "- Yes", "10: an option has no fields"),
    "options that read the same": ('text: "Yes"', "text: No", "1: two of its answers read the same"),
    "right that is neither": ("right: true\n      why: It", "right: maybe\n      why: It", "8: right is `true` or left out, not maybe"),
    "options that are no list": ("options:\n    - text: No\n      right: true\n      why: It is [a convention](proof:it_reads).\n    - text: \"Yes\"\n      why: Redis does not look.", "options: Yes", "6: options is no list"),
    "duplicate id": ("id: both", "id: colon", f"12: the id colon is that of {FILE}:1 too"),
    "id that is no address": ("id: both", "id: two words", "12: the id two words goes into an address"),
    "unknown type": ("type: single", "type: guess", "4: there is no type guess; it is one of single, multiple, trace, order"),
    "missing field": ("  objective: 1\n  type: single", "  type: single", "1: a question lacks objective"),
    "unknown field": ("  type: single", "  type: single\n  hint: no", "5: a question has a field hint"),
    "field of another type": ("  type: single", "  type: single\n  program: shop/get", "5: a question of type single has a field program"),
    "field twice": ("  type: single", "  type: single\n  type: order", "5: a question has type twice"),
    "field that is no text": ("ask: Which are even?", "ask: [Which, are]", "16: ask is no text"),
    "objective out of range": ("objective: 1\n  type: single", "objective: 3\n  type: single", "3: there is no objective 3; docs/_course/lesson.yml has 2"),
    "objective of many digits": ("objective: 1\n  type: single", f"objective: '{'9' * 5000}'\n  type: single", "3: there is no objective 999"),
    "objective that is no number": ("objective: 1\n  type: single", "objective: all\n  type: single", "3: there is no objective all"),
    "page of its own": ("anchor: key-names", "page: page.md#key-names", "2: a question has a field page, which it does not know"),
    "anchor that does not exist": ("key-names", "key-name", "2: docs/page.md has no heading with the anchor key-name"),
    "claim in what is asked": ("ask: Which", "ask: "'"[Which](proof:it_reads)"'" #", "16: a claim with its proof stands in a why"),
    "unknown program": ("shop/get", "shop/got", "30: snippets/shop/got.* does not exist"),
    "program that prints nothing": ("program: shop/get\n", "program: shop/silent\n", "30: snippets/shop/silent.out does not exist; run `make output`"),
    "line beyond the output": ("line: 2", "line: 3", "31: snippets/shop/get.out has no line 3, only 2"),
    "line zero": ("line: 2", "line: 0", "31: snippets/shop/get.out has no line 0, only 2"),
    "line of many digits": ("line: 2", f"line: '{'9' * 5000}'", "31: snippets/shop/get.out has no line 999"),
    "line that is no number": ("line: 2", "line: two", "31: snippets/shop/get.out has no line two"),
    "traced answer that is not printed": ('"second:  <2>"', '"second: <2>"', "35: the right option is not what snippets/shop/get.out:2 says: second:  <2>"),
    "unknown section": ("show: read", "show: write", "32: snippets/shop/get.py has no section write"),
    "two steps": ("    - Three\n", "", "40: 2 steps have no order worth asking for"),
    "same step twice": ("- Three", "- Two", "40: two of its answers read the same"),
    "step with fields": ("- Three", "- text: Three", "48: a step is no text"),
    "unknown proof": ("proof:it_reads", "proof:it_writes", "9: no test is called it_writes"),
    "code of its own": ("Counting.", "<pre>x</pre>", "49: is HTML code that no test has run"),
    "question that is text": ("- id: both\n", "- Both\n- id: both\n", "12: a question has no fields"),
    "file that is text": (ASKED, "Questions\n", "1: the file is no list"),
    "file that is a mapping": (ASKED, "colon:\n  ask: x\n", "1: the file is no list"),
    "empty file": (ASKED, "# none yet\n", "1: is empty"),
    "broken YAML": ("options:", "options: [", "7: is not valid YAML"),
    "character that YAML forbids": ("Counting.", "\x07", "49: is not valid YAML"),
    "list as a key": ("  type: single", "  [type]: single", "4: is not valid YAML: found unhashable key"),
    "unknown alias": ("type: single", "type: *kind", "4: is not valid YAML"),
}  # fmt: skip


@pytest.fixture
def course(write: Write) -> Path:
    """A small course with sound questions."""
    return write(SOUND)


def test_sound_questions_have_no_faults(course: Path) -> None:
    assert check(course) == []


def test_no_questions_are_no_fault(course: Path) -> None:
    (course / FILE).unlink()
    assert quiz.PART.check(Course(course)) == []
    assert quiz.pages(Course(course), our_site()) == {}


@pytest.mark.parametrize("name", BAD)
def test_bad_question_is_refused_with_file_and_line(course: Path, name: str) -> None:
    old, new, expected = BAD[name]
    assert old in ASKED
    (course / FILE).write_text(ASKED.replace(old, new, 1), "utf-8")
    faults = [*map(str, quiz.PART.check(Course(course)))] or check(course)
    assert any(fault.startswith(f"{FILE}:{expected}") for fault in faults), faults


@pytest.mark.parametrize(
    "shape", ["5", "- 5", "- []", "- {}", "- id:", "- - a", "- options: 3", "- {id: {a: b}}", "- ? [a]\n  : b"]
)
def test_yaml_of_any_shape_is_refused_in_words(course: Path, shape: str) -> None:
    (course / FILE).write_text(shape, "utf-8")
    faults = quiz.PART.check(Course(course))
    assert faults
    assert all(fault.path == FILE and fault.line == 1 for fault in faults)


def test_file_that_is_not_utf8_is_refused(course: Path) -> None:
    (course / FILE).write_bytes(b"- id: caf\xe9\n")
    assert check(course) == [f"{FILE}:1: is not UTF-8; save it as UTF-8"]


def test_file_at_the_path_of_no_page_is_refused(course: Path) -> None:
    (course / FILE).rename(course / questions.FOLDER / "gone.yml")
    assert check(course)[0] == f"{questions.FOLDER}/gone.yml:1: docs/gone.md does not exist; name a page below docs/, with its suffix; questions have the path of their page"  # fmt: skip


def test_one_file_for_all_is_refused(course: Path) -> None:
    (course / f"{questions.FOLDER}.yml").write_text(ASKED, "utf-8")
    (fault,) = check(course)
    assert fault.startswith(f"{questions.FOLDER}.yml:1: is not read; a question stands in {questions.FOLDER}/")


def test_an_id_is_used_once_in_all_files(course: Path, write: Write) -> None:
    write({"docs/other.md": "# Other\n", f"{questions.FOLDER}/other.yml": ASKED.replace("  anchor: key-names\n", "")})
    faults = check(course)
    assert f"{FILE}:1: the id colon is that of {questions.FOLDER}/other.yml:1 too; rename one" in faults


def test_quiz_asks_in_the_order_of_the_navigation(course: Path, write: Write) -> None:
    other = "- { id: last, objective: 1, type: order, ask: How?, steps: [a, b, c], why: So. }\n"
    write({"docs/a.md": "# A\n", f"{questions.FOLDER}/a.yml": other})
    site = dataclasses.replace(our_site(), order={"page.md": 0, "a.md": 1})
    assert quiz.in_order(Course(course), site) == ["colon", "both", "prints", "race", "last"]


def test_page_that_asks_for_an_unknown_question_is_refused(course: Path) -> None:
    page = course / "docs/page.md"
    page.write_text(page.read_text("utf-8") + "\n::: quiz column\n", "utf-8")
    assert check(course) == [f"docs/page.md:11: {questions.FOLDER} has no question column"]


# Rendering


def shown(course: Path, id: str) -> Tag:
    """Return a question as a page shows it."""
    page = BeautifulSoup(html(course, f"::: quiz {id}\n"), "html.parser")
    box = page.select_one("div.quiz")
    assert box
    return box


@pytest.mark.parametrize(("id", "kind"), [("colon", "radio"), ("both", "checkbox"), ("prints", "radio")])
def test_options_are_native_inputs_in_a_fieldset_and_the_key_is_folded(course: Path, id: str, kind: str) -> None:
    box, asked = shown(course, id), questions.by_id(Course(course))[id]
    assert box.select_one("fieldset > legend")
    inputs = box.select("fieldset li > label > input")
    assert [(one["type"], one["name"]) for one in inputs] == [(kind, id)] * len(asked.options)
    texts = [label.get_text().strip() for label in box.select(".quiz-options label")]
    assert texts == [option.text for option in asked.options]
    folded = box.select_one("details")
    assert folded and not folded.has_attr("open")
    whys = folded.select(".quiz-reasons > li > .quiz-why")
    assert [why["data-right"] == "true" for why in whys] == [option.right for option in asked.options]
    assert all(why.select_one("strong") for why in whys)
    assert not box.select("fieldset .quiz-why")
    assert asked.options[0].why.split(" [")[0] in whys[0].get_text()


def test_a_reason_links_to_its_proof_and_the_question_to_its_page(course: Path) -> None:
    box = shown(course, "colon")
    assert box.select_one(".quiz-why button.proof")
    link = box.select_one("details > p:last-child a")
    assert link and link["href"] == "../page.html#key-names" and link.get_text() == "A page: Key names"
    assert box["data-goal"] == "Name <keys>."


def test_a_trace_shows_its_code_and_what_came_before(course: Path) -> None:
    box = shown(course, "prints")
    printed = box.select_one(".quiz-printed")
    assert printed and [code.get_text() for code in printed.select("code")] == ["first: 1"]
    assert len(box.select("fieldset pre")) == 3
    assert not printed.select("pre")


def test_steps_are_shown_in_a_stable_order_that_is_not_the_right_one(course: Path) -> None:
    box = shown(course, "race")
    order = [int(str(step["data-step"])) for step in box.select("fieldset li")]
    assert sorted(order) == [0, 1, 2] and order != [0, 1, 2]
    assert [step.get_text().strip() for step in box.select("fieldset li")] == [
        ["One", "Two", "Three"][at] for at in order
    ]
    assert [step.get_text() for step in box.select("details ol > li")] == ["One", "Two", "Three"]
    assert shown(course, "race") == box


def test_no_id_makes_the_right_order(course: Path) -> None:
    asked = questions.by_id(Course(course))["race"]
    for number in range(100):
        other = questions.Question(**{**vars(asked), "id": f"race-{number}"})
        assert sorted(quiz.shuffled(other)) == [0, 1, 2]
        assert quiz.shuffled(other) != [0, 1, 2]


NO_IS_RIGHT = """\
      right: true
      why: It is [a convention](proof:it_reads).
    - text: "Yes"
"""
YES_IS_RIGHT = """\
      why: It is [a convention](proof:it_reads).
    - text: "Yes"
      right: true
"""


@pytest.mark.parametrize(("old", "new", "changes"), [
    ("Must a key", "Should a key", True),
    ('text: "Yes"', 'text: "Yes, always"', True),
    (NO_IS_RIGHT, YES_IS_RIGHT, True),
    ("type: single", "type: multiple", True),
    ("Redis does not look.", "Redis never looks.", False),
    ("  anchor: key-names\n", "", False),
])  # fmt: skip
def test_hash_changes_with_what_is_asked_and_not_with_what_explains(
    course: Path, old: str, new: str, changes: bool
) -> None:
    before = shown(course, "colon")["data-hash"]
    assert old in ASKED
    (course / FILE).write_text(ASKED.replace(old, new, 1), "utf-8")
    assert (shown(course, "colon")["data-hash"] != before) is changes


def test_quiz_page_asks_everything_once_and_in_order(course: Path) -> None:
    page = str(quiz.pages(Course(course), our_site())[quiz.PAGE])
    assert re.findall(r'data-question="([\w-]+)"', page) == [*questions.by_id(Course(course))]
    assert re.findall(r"Question (\d)", page) == ["1", "2", "3", "4"]
    assert "Question" not in shown(course, "colon").get_text()


# The course's own questions

OURS = questions.by_id(Course(ROOT))
SNIPPETS = {snippet.path: snippet for snippet in Course(ROOT).snippets.files}
TRACED = [
    (question.id, snippet.path)
    for question in OURS.values()
    for snippet in SNIPPETS.values()
    if snippet.example == question.program
]


@pytest.mark.parametrize(("id", "path"), TRACED)
def test_traced_program_prints_the_right_option(id: str, path: str) -> None:
    question = OURS[id]
    line = ran(SNIPPETS[path]).output.splitlines()[int(question.line) - 1]
    assert [option.text for option in question.options if option.right] == [line]


def test_the_quiz_has_every_type() -> None:
    assert {question.type for question in OURS.values()} == set(questions.TYPES)
    assert len({id for id, _ in TRACED}) >= 2
