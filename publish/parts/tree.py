"""The decision tree: ordered questions from docs/_course/tree.yml, and where each answer leads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node

from publish.sources.course import Course, once
from publish.sources.files import Fault
from publish.sources.headings import page_problem
from publish.sources.nodes import Read, Reader

DATA = "docs/_course/tree.yml"
DEEPEST = 5  # questions to any leaf
UNFIT = re.compile(r"^[-*+.\d]|[\"#;<>`{}\[\]|\\]")  # what Mermaid would not take for text


@dataclass(frozen=True)
class Answer:
    """An answer: its words on the page, fewer for the diagram, and the question or leaf that it leads to."""

    id: str
    text: str
    short: str
    to: str
    node: Node


@dataclass(frozen=True)
class Question:
    """A question and its answers."""

    id: str
    ask: str
    short: str
    answers: list[Answer]
    node: Node


@dataclass(frozen=True)
class Leaf:
    """What is advised: why, what goes with it, and why not each of the others, by their ids."""

    id: str
    name: str
    page: str
    why: str
    beside: dict[str, str]
    instead: dict[str, str]
    node: Node


@dataclass(frozen=True)
class Tree:
    """All of it, by ids; the first question is where it begins."""

    title: str
    description: str
    questions: dict[str, Question]
    leaves: dict[str, Leaf]

    def paths(self, at: str = "", taken: tuple[Answer, ...] = ()) -> Iterator[tuple[Answer, ...]]:
        """Yield the answers on the way to each leaf, in order."""
        for answer in self.questions[at or next(iter(self.questions))].answers:
            if answer.to in self.leaves:
                yield (*taken, answer)
            else:
                yield from self.paths(answer.to, (*taken, answer))


@once
def read(course: Course) -> Read[Tree]:
    """Read the tree, and find what is wrong in it."""
    reader = Reader(course.yaml(DATA))
    found = reader.fields(reader.root, "the tree", ("title", "description", "questions", "leaves"))
    title, description = (drawn(reader, found.get(name), name) for name in ("title", "description"))
    questions = [question(reader, node) for node in reader.items(found.get("questions"), "questions")]
    leaves = [leaf(reader, course, node) for node in reader.items(found.get("leaves"), "leaves")]
    tree = Tree(title, description, {one.id: one for one in questions}, {one.id: one for one in leaves})
    if found and not reader.faults:
        problems(reader, tree, [*questions, *leaves])
    return reader.made(tree)


def drawn(reader: Reader, node: Node | None, name: str) -> str:
    """Return a text that the diagram bears."""
    text = reader.text(node, name)
    if node and (unfit := UNFIT.search(text)):
        reader.wrong(node, f"the diagram cannot bear {unfit[0]} here; write {name} without it")
    return text


def question(reader: Reader, node: Node) -> Question:
    """Read a question."""
    found = reader.fields(node, "a question", ("id", "ask", "short", "answers"))
    answers: list[Answer] = []
    for one in reader.items(found.get("answers"), "answers"):
        parts = reader.fields(one, "an answer", ("id", "text", "short", "to"))
        texts = {name: reader.text(parts.get(name), name) for name in ("id", "text", "to")}
        answer = Answer(**texts, short=drawn(reader, parts.get("short"), "short"), node=one)
        if answer.id and answer.id in [other.id for other in answers]:
            reader.wrong(one, f"the id {answer.id} is taken in this question; choose another")
        answers.append(answer)
    if "answers" in found and len(answers) < 2:
        reader.wrong(node, "a question has at least 2 answers")
    id, ask = (reader.text(found.get(name), name) for name in ("id", "ask"))
    return Question(id, ask, drawn(reader, found.get("short"), "short"), answers, node)


def leaf(reader: Reader, course: Course, node: Node) -> Leaf:
    """Read a leaf."""
    names = ("id", "name", "page", "why", "not")
    found = reader.fields(node, "a leaf", names, (*names, "with"))
    id, page = (reader.text(found.get(one), one) for one in ("id", "page"))
    name, why = drawn(reader, found.get("name"), "name"), reader.markdown(found.get("why"), "why")
    if page and (problem := page_problem(course, page)):
        reader.wrong(found["page"], problem)
    beside, instead = (reasons_of(reader, found.get(one), one) for one in ("with", "not"))
    return Leaf(id, name, page, why, beside, instead, node)


def reasons_of(reader: Reader, node: Node | None, name: str) -> dict[str, str]:
    """Return a text for each leaf that is named."""
    if isinstance(node, MappingNode):
        return {key.value: reader.markdown(value, f"the reason for {key.value}") for key, value in node.value}
    if node:
        reader.wrong(node, f"{name} has no fields; write each as `id: reason`")
    return {}


def problems(reader: Reader, tree: Tree, parts: list[Question | Leaf]) -> None:
    """Find what is wrong with a tree that could be read: with its ids, its shape, its reasons."""
    ids = [part.id for part in parts]
    for part in parts:
        names = [part.id, *(answer.id for answer in part.answers)] if isinstance(part, Question) else [part.id]
        for name in [one for one in names if not (one.isascii() and one.replace("-", "").isalnum())]:
            reader.wrong(part.node, f"the id {name} goes into an address; use letters, digits and dashes")
        if ids.count(part.id) > 1:
            reader.wrong(part.node, f"the id {part.id} is taken; choose another")
    for asked in tree.questions.values():
        for answer in asked.answers:
            if answer.to not in ids:
                reader.wrong(answer.node, f"no question and no leaf is called {answer.to}")
    for one in tree.leaves.values():
        for name in [name for name in (*one.beside, *one.instead) if name not in tree.leaves or name == one.id]:
            reader.wrong(one.node, f"{one.id} gives a reason for {name}, which is no other leaf")
        for name in tree.leaves.keys() - {one.id} - one.instead.keys():
            reader.wrong(one.node, f"{one.id} does not say why not {name}")
    if not tree.questions:
        reader.faults.append(Fault(DATA, 1, "there is no question; write the first"))
    elif not reader.faults:
        reached: set[str] = set()
        walk(reader, tree, next(iter(tree.questions)), [], reached)
        for part in parts:
            if part.id not in reached:
                reader.wrong(part.node, f"no answer leads to {part.id}")


def walk(reader: Reader, tree: Tree, id: str, before: list[str], reached: set[str]) -> None:
    """Follow every answer from a question or leaf on, and note what is reached; loops and long ways are faults."""
    reached.add(id)
    for answer in tree.questions[id].answers if id in tree.questions else ():
        way = [*before, id]
        if answer.to in way:
            reader.wrong(answer.node, f"the answer leads back to {answer.to}")
            continue
        if answer.to in tree.questions and len(way) == DEEPEST:
            reader.wrong(answer.node, f"leads to question {len(way) + 1} in a row; {DEEPEST} are allowed")
        walk(reader, tree, answer.to, way, reached)
