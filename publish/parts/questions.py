"""The questions of the quiz: what stands in their files, one for each page, and every fault with its line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from yaml.nodes import Node

from publish.parts import lesson
from publish.sources.course import Course, once
from publish.sources.files import Fault, Text, digest
from publish.sources.headings import page_problem
from publish.sources.nodes import Read, Reader, line_of, short, whole
from publish.sources.snippets import Snippets

FOLDER = "docs/_course/quiz"  # a question on docs/PATH.md stands in PATH.yml below it
COMMON = ("id", "objective", "type", "ask")
TYPES = {  # the fields that a type needs beside the common ones
    "single": ("options",),
    "multiple": ("options",),
    "trace": ("options", "program", "line"),
    "order": ("steps", "why"),
}
MARKDOWN = ("ask", "why")  # of the fields that are texts
EXTRA = {"trace": ("show",)}  # the fields that it may have, beside the anchor of the heading to read again


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or wrong."""

    text: str
    why: str
    right: bool
    line: int


@dataclass(frozen=True)
class Question:
    """One question. `anchor` says what to read again on its page; `lines` says where each field stands in its file."""

    file: str
    id: str
    objective: str
    type: str
    ask: str
    lines: dict[str, int]
    anchor: str = ""
    options: list[Option] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)  # in the right order
    why: str = ""  # of the order
    program: str = ""  # the example that is traced
    line: str = ""  # the line of its output that is asked for, from 1
    show: str = ""  # the section of it that the question shows

    @property
    def page(self) -> str:
        """What to read again: a page below docs/, and a heading on it."""
        return page_of(self.file) + (f"#{self.anchor}" if self.anchor else "")

    @property
    def hash(self) -> str:
        """What a stored answer is bound to: everything that is asked, and nothing that only explains."""
        options = [[option.text, option.right] for option in self.options]
        return digest(json.dumps([self.type, self.ask, options, self.steps, self.program, self.line, self.show]))


def page_of(file: str) -> str:
    """Return the page, below docs/, that the questions of a file belong to."""
    return file.removeprefix(f"{FOLDER}/").removesuffix(".yml") + ".md"


class Questions(Reader):
    """Takes a file of questions apart."""

    def option(self, node: Node, literal: bool) -> Option:
        """Read an option."""
        found = self.fields(node, "an option", ("text", "why"), ("text", "why", "right"))
        right = self.text(found.get("right"), "right")
        if right not in ("", "true"):
            self.wrong(found["right"], f"right is `true` or left out, not {right}")
        text, name = found.get("text"), "the text of an option"
        shown = self.text(text, name, literal=True) if literal else self.markdown(text, name)
        return Option(shown, self.markdown(found.get("why"), "the why of an option"), right == "true", line_of(node))

    def question(self, node: Node) -> Question | None:
        """Read a question; None where it has faults."""
        before = len(self.faults)
        every = {name for names in (*TYPES.values(), *EXTRA.values()) for name in names}
        found = self.fields(node, "a question", COMMON, (*COMMON, "anchor", *every))
        type = self.text(found.get("type"), "type")
        if type and type not in TYPES:
            self.wrong(found["type"], f"there is no type {type}; it is one of {', '.join(TYPES)}")
        if len(self.faults) > before:
            return None
        known = (*COMMON, "anchor", *TYPES[type], *EXTRA.get(type, ()))
        found = self.fields(node, f"a question of type {type}", TYPES[type], known)
        lists = {name: self.items(found.pop(name), name) for name in ("options", "steps") if name in found}
        texts = {
            name: self.markdown(value, name) if name in MARKDOWN else self.text(value, name)
            for name, value in found.items()
        }
        question = Question(
            file=self.path,
            **texts,
            lines={"": line_of(node), **{name: line_of(value) for name, value in found.items()}},
            options=[self.option(one, literal=type == "trace") for one in lists.get("options", [])],
            steps=[self.markdown(one, "a step") for one in lists.get("steps", [])],
        )
        if question.show:
            self.texts.append(Text(self.path, question.lines["show"], f"::: {question.program} {question.show}"))
        return question if len(self.faults) == before else None


@once
def read(course: Course) -> Read[list[Question]]:
    """Read all questions, by the paths of their pages. One that cannot be read is left out and reported."""
    made: Read[list[Question]] = Read([], [], [])
    for path in [path for path in course.data if path.startswith(f"{FOLDER}/")]:
        reader = Questions(course.yaml(path))
        found = [reader.question(node) for node in reader.items(reader.root, "the file")]
        made.data.extend(question for question in found if question)
        made.faults.extend(reader.faults)
        made.texts.extend(reader.texts)
        if problem := page_problem(course, page_of(path)):
            made.faults.append(Fault(path, 1, f"{problem}; questions have the path of their page"))
    if (old := f"{FOLDER}.yml") in course.data:
        made.faults.append(Fault(old, 1, f"is not read; a question stands in {FOLDER}/, at the path of its page"))
    return made


@once
def by_id(course: Course) -> dict[str, Question]:
    """Return the questions by their ids."""
    return {question.id: question for question in read(course).data}


def faults(course: Course) -> Iterator[Fault]:
    """Find what is wrong with questions that could be read."""
    seen: dict[str, str] = {}
    for question in read(course).data:
        if question.id in seen:
            other = seen[question.id]
            yield Fault(question.file, question.lines["id"], f"the id {question.id} is that of {other} too; rename one")
        seen.setdefault(question.id, f"{question.file}:{question.lines['id']}")
        for line, text in problems(course, question):
            yield Fault(question.file, line, text)


def problems(course: Course, question: Question) -> Iterator[tuple[int, str]]:
    """Say what is wrong with a question that could be read, with its line."""
    lines, goals = question.lines, lesson.load(course).data.objectives
    if not question.id.replace("-", "").isalnum() or not question.id.isascii():
        yield lines["id"], f"the id {question.id} goes into an address; use letters, digits and dashes"
    if not 1 <= (whole(question.objective) or 0) <= len(goals):
        yield lines["objective"], f"there is no objective {short(question.objective)}; {lesson.PLAN} has {len(goals)}"
    known = f"docs/{page_of(question.file)}" in course.pages
    if known and question.anchor and (problem := page_problem(course, question.page)):
        yield lines["anchor"], problem
    for text, line in [(question.ask, lines["ask"]), *((option.text, option.line) for option in question.options)]:
        if "](proof:" in text:
            yield line, "a claim with its proof stands in a why, which is shown when the question is answered"
    if question.type == "order":
        if len(question.steps) < 3:
            yield lines[""], f"{len(question.steps)} steps have no order worth asking for; write at least 3"
        texts = question.steps
    else:
        right = [option for option in question.options if option.right]
        texts = [option.text for option in question.options]
        if len(texts) < 2:
            yield lines[""], "there is nothing to choose from; write at least 2 options"
        if not right:
            yield lines[""], "no option is right; say `right: true` in one"
        if len(right) > 1 and question.type != "multiple":
            yield right[1].line, f"{len(right)} options are right; leave one, or make the type multiple"
    if len(set(texts)) < len(texts):
        yield lines[""], "two of its answers read the same; change one"
    if question.type == "trace":
        yield from trace_problems(course.snippets, question)


def trace_problems(snippets: Snippets, question: Question) -> Iterator[tuple[int, str]]:
    """Say where a traced question and the stored output of its program differ."""
    program, lines = question.program, question.lines
    printed = snippets.outputs.get(program, "").splitlines()
    if program not in snippets.examples:
        yield lines["program"], f"snippets/{program}.* does not exist; it is named without its suffix"
    elif not printed:
        yield lines["program"], f"snippets/{program}.out does not exist; run `make output`"
    elif not 1 <= (whole(question.line) or 0) <= len(printed):
        yield lines["line"], f"snippets/{program}.out has no line {short(question.line)}, only {len(printed)}"
    else:
        line = printed[int(question.line) - 1]
        for option in question.options:
            if option.right and option.text != line:
                yield option.line, f"the right option is not what snippets/{program}.out:{question.line} says: {line}"
