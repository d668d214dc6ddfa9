"""The decision tree: every fault that its data can have, what it becomes, and the course's own, path by path."""

import functools
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from publish import draw
from publish.pages import diagrams
from publish.parts import tree, tree_page
from publish.parts.table import PARTS
from publish.sources.course import Course
from publish.sources.headings import headings
from tests.publish.conftest import ROOT, check, expand, html

DATA = """\
title: Which one?
description: Two questions.
questions:
  - id: first
    ask: Is it <slow>?
    short: Slow?
    answers:
      - { id: yes-it-is, text: Yes & it hurts, short: "yes", to: second }
      - { id: hardly, text: Hardly, short: "no", to: none }
      - { id: never, text: Never, short: "no", to: none }
  - id: second
    ask: Does it write?
    short: Write?
    answers:
      - { id: a, text: It reads, short: reads, to: aside }
      - { id: b, text: It writes, short: writes, to: end }
leaves:
  - id: aside
    name: Aside
    page: aside.md
    why: It [reads](proof:it_reads).
    with:
      end: For writes.
    not:
      end: It does not write.
      none: It is slow.
  - id: end
    name: Behind
    page: behind.md#use
    why: It writes.
    not: { aside: It does not read., none: It is slow. }
  - id: none
    name: Nothing
    page: aside.md
    why: It is quick.
    not:
      aside: Quick already, with `GET`.
      end: Quick already.
"""
PAGE = "# Behind\n\n## Use\n\n::: tree steps\n\nA\n\n::: tree diagram\n\nB\n\n::: tree words\n\nC\n\n::: tree leaves\n"
SOUND = {
    tree.DATA: DATA,
    "docs/aside.md": "# Aside\n",
    "docs/behind.md": PAGE,
    "snippets/shop/get.py": '"""Get."""\n',
    "tests/shop/test_get.py": "def test_it_reads() -> None:\n",
}
LEAF = "  - id: extra\n    name: Extra\n    page: aside.md\n    why: x\n    not: { aside: x, end: x, none: x }\n"
EXTRA = DATA.replace("none: It is slow.\n", "none: It is slow.\n      extra: x\n").replace("It is slow. }", "It is slow., extra: x }") + "      extra: x\n" + LEAF  # fmt: skip


def asking(id: str, to: str) -> str:
    """Return a question whose first answer leads on."""
    answers = f"[{{ id: on, text: x, short: x, to: {to} }}, {{ id: off, text: x, short: x, to: none }}]"
    return f"  - {{ id: {id}, ask: x, short: x, answers: {answers} }}\n"


DEEP = "questions:\n" + "".join(asking(f"q{at}", f"q{at + 1}") for at in range(3)) + asking("q3", "first")

# name: (what is replaced in the data, by what, the line and the words of the fault)
BAD: dict[str, tuple[str, str, str]] = {
    "unknown page": ("page: behind.md#use", "page: gone.md", "29: docs/gone.md does not exist"),
    "unknown anchor": ("#use", "#used", "29: docs/behind.md has no heading with the anchor used"),
    "page outside docs": ("page: behind.md#use", "page: ../snippets/shop/get.py", "29: docs/../snippets/shop/get.py does not exist"),
    "six questions to a leaf": ("questions:\n", DEEP, "12: leads to question 6 in a row; 5 are allowed"),
    "loop": ("to: aside }", "to: first }", "15: the answer leads back to first"),
    "question that leads to itself": ("to: aside }", "to: second }", "15: the answer leads back to second"),
    "question that no answer leads to": ("to: second }", "to: aside }", "11: no answer leads to second"),
    "leaf that no answer leads to": ("to: aside }", "to: end }", "18: no answer leads to aside"),
    "answer that leads nowhere": ("to: aside }", "to: beside }", "15: no question and no leaf is called beside"),
    "missing why-not": ("      none: It is slow.\n", "", "18: aside does not say why not none"),
    "no why-nots": ("    not: { aside: It does not read., none: It is slow. }\n", "", "27: a leaf lacks not"),
    "why-nots that are a list": ("    not: { aside: It does not read., none: It is slow. }", "    not: [aside]", "31: not has no fields"),
    "empty why-not": ("none: It is slow.\n", "none:\n", "26: the reason for none is empty"),
    "why-not of itself": ("end: It does not write.", "aside: x\n      end: x", "18: aside gives a reason for aside, which is no other leaf"),
    "why-not of what there is not": ("end: It does not write.", "out: x\n      end: x", "18: aside gives a reason for out, which is no other leaf"),
    "combined with what there is not": ("end: For writes.", "out: For writes.", "18: aside gives a reason for out"),
    "combined without a reason": ("end: For writes.", "end:", "23: the reason for end is empty"),
    "missing why": ("    why: It writes.\n", "", "27: a leaf lacks why"),
    "empty why": ("why: It writes.", "why:", "30: why is empty"),
    "missing ask": ("    ask: Does it write?\n", "", "11: a question lacks ask"),
    "empty ask": ("ask: Does it write?", "ask: ''", "12: ask is empty"),
    "missing short": ("    short: Write?\n", "", "11: a question lacks short"),
    "missing answers": (DATA[DATA.index("    answers:\n      - { id: a,"):DATA.index("leaves:")], "", "11: a question lacks answers"),
    "one answer": ("      - { id: b, text: It writes, short: writes, to: end }\n", "", "11: a question has at least 2 answers"),
    "answer without a text": ("text: It reads, ", "", "15: an answer lacks text"),
    "answer without a goal": (", to: aside }", " }", "15: an answer lacks to"),
    "answer with an unknown field": (", to: aside }", ", to: aside, why: x }", "15: an answer has a field why"),
    "same answer twice": ("id: b, ", "id: a, ", "16: the id a is taken in this question"),
    "same id for question and leaf": ("id: end\n", "id: first\n", "27: the id first is taken"),
    "id that is no address": ("id: a, ", "id: a.b, ", "11: the id a.b goes into an address"),
    "what Mermaid takes for more": ("short: Write?", 'short: "[Write]"', "13: the diagram cannot bear [ here"),
    "name that Mermaid takes for more": ("name: Behind", "name: Behind; or not", "28: the diagram cannot bear ; here"),
    "answer that Mermaid takes for a list": ("short: reads", "short: 1. reads", "15: the diagram cannot bear 1 here"),
    "no questions": ("questions:\n" + DATA[DATA.index("  - id: first"):DATA.index("leaves:")], "questions: []\n", "1: there is no question"),
    "questions that are no list": ("questions:\n" + DATA[DATA.index("  - id: first"):DATA.index("leaves:")], "questions: x\n", "3: questions is no list"),
    "no leaves": (DATA[DATA.index("leaves:"):], "", "1: the tree lacks leaves"),
    "missing title": ("title: Which one?\n", "", "1: the tree lacks title"),
    "empty description": ("description: Two questions.", "description:", "2: description is empty"),
    "tree that is a list": (DATA, "- a\n", "1: the tree has no fields"),
    "empty data": (DATA, "# nothing\n", "1: is empty"),
    "broken YAML": ("why: It writes.", "why: [", "32: is not valid YAML"),
    "unknown proof": ("proof:it_reads", "proof:it_writes", "21: no test is called it_writes"),
    "unknown proof in a why-not": ("aside: Quick already, with `GET`.", 'aside: "[Quick](proof:no)"', "37: no test is called no"),
    "code of its own": ("why: It is quick.", "why: <pre>x</pre>", "35: is HTML code that no test has run"),
}  # fmt: skip


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course with a sound tree."""
    for path, text in SOUND.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    return tmp_path


def test_sound_tree_has_no_faults(course: Path) -> None:
    assert check(course) == []


def test_no_tree_is_no_fault(course: Path) -> None:
    (course / tree.DATA).unlink()
    assert tree_page.PART.check(Course(course)) == []
    assert list(tree_page.diagrams(Course(course))) == []


def test_five_questions_are_allowed(course: Path) -> None:
    (course / tree.DATA).write_text(
        DATA.replace("questions:\n", DEEP.replace("to: q1 ", "to: q2 ").replace(asking("q1", "q2"), "")), "utf-8"
    )
    assert tree_page.PART.check(Course(course)) == []


@pytest.mark.parametrize("name", BAD)
def test_bad_tree_is_refused_with_file_and_line(course: Path, name: str) -> None:
    old, new, expected = BAD[name]
    assert old in DATA
    (course / tree.DATA).write_text(DATA.replace(old, new, 1), "utf-8")
    faults = [*map(str, tree_page.PART.check(Course(course)))] or check(course)
    assert any(fault.startswith(f"{tree.DATA}:{expected}") for fault in faults), faults


def test_a_leaf_more_needs_an_answer_that_leads_to_it(course: Path) -> None:
    (course / tree.DATA).write_text(EXTRA, "utf-8")
    assert [*map(str, tree_page.PART.check(Course(course)))] == [f"{tree.DATA}:41: no answer leads to extra"]


@pytest.mark.parametrize(
    "shape", ["5", "[]", "{}", "questions:", "questions: [a]\nleaves: [a]", "? [a]\n: b", "leaves: {a: b}"]
)
def test_yaml_of_any_shape_is_refused_in_words(course: Path, shape: str) -> None:
    (course / tree.DATA).write_text(shape, "utf-8")
    faults = tree_page.PART.check(Course(course))
    assert faults
    assert all(fault.path == tree.DATA and fault.line in (1, 2) for fault in faults)


def test_a_tree_that_is_not_drawn_is_refused_by_a_strict_check(course: Path) -> None:
    assert f"{tree.DATA}:1: its diagram is not drawn; run `make diagrams`" in check(course, strict=True)
    [(_, _, fence)] = tree_page.diagrams(Course(course))
    source = fence.removeprefix("```mermaid\n").removesuffix("\n```")
    svg = diagrams.svg_path(source, course / "docs")
    svg.parent.mkdir()
    svg.write_text(f'<svg id="dg-{svg.stem}"></svg>', "utf-8")
    assert not [fault for fault in check(course, strict=True) if fault.startswith(tree.DATA)]
    assert f'<svg id="dg-{svg.stem}">' in expand(course, PAGE)
    assert draw.render(Course(course), PARTS) == []
    assert svg.exists(), "a drawing in use was deleted"


# Rendering


def shown(root: Path, section: str) -> BeautifulSoup:
    """Return a part of the tree as a page shows it."""
    return BeautifulSoup(html(root, f"::: tree {section}\n"), "html.parser")


@functools.cache
def ours(section: str) -> BeautifulSoup:
    """Return a part of our own tree; nobody writes in it."""
    return shown(ROOT, section)


def walked(page: Tag, path: tuple[tree.Answer, ...]) -> Tag:
    """Follow the answers of a path through the nested lists, and return the link at its end."""
    at = page.select_one("div.tree")
    for answer in path:
        assert at
        at = at.select_one(f":scope > ul > li[data-answer='{answer.id}']")
        assert at and at.select_one(":scope > .tree-text")
    link = at and at.select_one(":scope > .tree-leaf > a")
    assert link
    return link


def test_diagram_has_each_question_answer_and_leaf_once(course: Path) -> None:
    fence = tree_page.render(Course(course), "diagram")
    assert (
        fence
        == """```mermaid
flowchart TD
  accTitle: Which one?
  accDescr: Two questions.
  n0("Slow?")
  n0 -- "yes" --> n1
  n0 -- "no" --> n4
  n1("Write?")
  n1 -- "reads" --> n2
  n1 -- "writes" --> n3
  n2(["Aside"]):::accent
  n3(["Behind"]):::accent
  n4(["Nothing"]):::accent
```"""
    )
    assert list(diagrams.problems(fence)) == []


def test_words_are_lists_in_lists_with_a_link_at_each_end(course: Path) -> None:
    page = shown(course, "words")
    assert [one.get_text() for one in page.select(".tree-ask")] == ["Is it <slow>?", "Does it write?"]
    assert page.select(".tree-text")[0].get_text() == "Yes & it hurts"
    paths = list(tree.read(Course(course)).data.paths())
    assert [[answer.id for answer in path] for path in paths] == [
        ["yes-it-is", "a"],
        ["yes-it-is", "b"],
        ["hardly"],
        ["never"],
    ]
    assert [walked(page, path)["href"] for path in paths] == ["#aside", "#end", "#none", "#none"]


def test_leaves_say_why_with_what_and_why_not_the_others(course: Path) -> None:
    page = shown(course, "leaves")
    aside, end, none = page.select("section.tree-answer")
    assert [one.h3["id"] for one in (aside, end, none) if one.h3] == ["aside", "end", "none"]
    assert aside.select_one("p button.proof")
    assert [one.get_text() for one in aside.select(".tree-label")] == ["Combine it with", "Why not the others"]
    assert [one.get_text() for one in end.select(".tree-label")] == ["Why not the others"]
    assert [one.get_text() for one in aside.select("dt")] == ["Behind", "Behind", "Nothing"]
    assert [one.get_text() for one in aside.select("dd")] == ["For writes.", "It does not write.", "It is slow."]
    assert none.select_one("dd code")
    link = end.select_one("a[href='../behind.html#use']")
    assert link and link.get_text() == "Behind: Use"


def test_steps_are_room_for_the_script(course: Path) -> None:
    form = shown(course, "steps").select_one("form.tree-steps")
    assert form and (form["aria-label"], form["data-deepest"]) == ("Which one?", "2")


# The course's own tree

OWN_COURSE = Course(ROOT)
OWN = tree.read(OWN_COURSE).data
PATHS = list(OWN.paths())
PATTERNS = {"cache-aside", "read-through", "write-through", "write-behind", "refresh-ahead", "stampede"}


def test_its_leaves_are_the_six_patterns_and_no_cache() -> None:
    assert OWN.leaves.keys() == PATTERNS | {"none"}
    assert {path[-1].to for path in PATHS} == OWN.leaves.keys()
    assert {leaf.page.partition("#")[0] for leaf in OWN.leaves.values() if leaf.id != "none"} == {
        f"patterns/{name}.md" for name in PATTERNS
    }
    assert all(leaf.beside for leaf in OWN.leaves.values() if leaf.id != "none")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(answer.id for answer in path))
def test_every_path_ends_within_five_questions_at_a_leaf_that_is_told_in_full(path: tuple[tree.Answer, ...]) -> None:
    assert len(path) <= 5
    leaf = OWN.leaves[path[-1].to]
    assert walked(ours("words"), path)["href"] == f"#{leaf.id}"
    page, _, anchor = leaf.page.partition("#")
    assert anchor in headings(OWN_COURSE, page)
    assert leaf.instead.keys() == OWN.leaves.keys() - {leaf.id}
    heading = ours("leaves").find(id=leaf.id)
    assert heading and heading.parent
    told = re.sub(r"\s+", " ", heading.parent.get_text(" "))
    for text in (leaf.why, *leaf.instead.values(), *leaf.beside.values()):
        assert re.split(r"[`\[]", text)[0].strip() in told


def test_the_beliefs_that_the_review_corrects_are_not_advised() -> None:
    for path in PATHS:
        answers = [answer.id for answer in path]
        if path[-1].to == "write-through":
            assert answers[0] == "reads", "write-through is not for write-heavy data"
        if {"exact", "unique"} & {*answers}:
            assert path[-1].to == "none", "too fresh or too unique to cache"
    assert "stampede" in OWN.leaves["refresh-ahead"].beside
    assert "does not prevent a stampede" in OWN.leaves["stampede"].instead["refresh-ahead"]
