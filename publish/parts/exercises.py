"""The exercises: what stands in docs/_course/exercises.yml, and `::: exercises table`."""

from dataclasses import dataclass

from yaml.nodes import Node

from publish.pages.protocol import Part
from publish.sources.course import Course, once
from publish.sources.headings import page_problem, title
from publish.sources.nodes import Read, Reader, line_of
from publish.sources.snippets import Snippet

TABLE = "docs/_course/exercises.yml"
KINDS = ("complete", "repair", "write")  # what a student does
PLACES = ("classroom", "homework")
NEEDED = ("number", "kind", "folder", "page", "minutes", "where", "taught")


@dataclass(frozen=True)
class Exercise:
    """An exercise: its code lies in `folder` below snippets/, `page` asks for it, and `taught` is what it is on."""

    number: int
    kind: str  # one of KINDS
    folder: str
    page: str
    minutes: int
    where: str  # one of PLACES
    taught: str
    line: int


@once
def read(course: Course) -> Read[list[Exercise]]:
    """Read the exercises, and find what is wrong with them."""
    reader = Reader(course.yaml(TABLE))
    found: list[Exercise] = []
    for node in reader.items(reader.root, "the table"):
        one = exercise(reader, course, node)
        if one.number and one.number in [other.number for other in found]:
            reader.wrong(node, f"there is an exercise {one.number} already; choose another number")
        found.append(one)
    return reader.made(found)


def exercise(reader: Reader, course: Course, node: Node) -> Exercise:
    """Read one exercise."""
    found = reader.fields(node, "an exercise", NEEDED)
    text = {name: reader.text(found.get(name), name) for name in ("kind", "folder", "page", "where", "taught")}
    number, minutes = (reader.number(found.get(name), name, 1) for name in ("number", "minutes"))
    for name, known in (("kind", KINDS), ("where", PLACES)):
        if text[name] and text[name] not in known:
            reader.wrong(found[name], f"there is no {name} {text[name]}; it is one of {', '.join(known)}")
    for name in [name for name in ("page", "taught") if text[name]]:
        if problem := page_problem(course, text[name]):
            reader.wrong(found[name], problem)
    page, opening = text["page"].partition("#")[0], f"Exercise {number}: "
    if number and f"docs/{page}" in course.pages and not title(course, page).startswith(opening):
        reader.wrong(found["page"], f'the title of docs/{page} does not begin with "{opening}"')
    for stem in ("starter", "solution"):
        if text["folder"] and f"{text['folder']}/{stem}" not in course.snippets.examples:
            reader.wrong(found["folder"], f"snippets/{text['folder']}/{stem}.* does not exist; write it")
    return Exercise(number=number, minutes=minutes, line=line_of(node), **text)


def starters(course: Course, one: Exercise) -> list[Snippet]:
    """Return what the student starts from, in the order of the languages."""
    return list(course.snippets.examples[f"{one.folder}/starter"].values())


def render(course: Course, _: str) -> str:
    """Return what the line `::: exercises table` stands for."""
    lines = ["| Exercise | What you do | Languages | Taught in |", "| --- | --- | --- | --- |"]
    for one in read(course).data:
        name = f"[{title(course, one.page).removeprefix('Exercise ')}](/{one.page})"
        languages = ", ".join(snippet.language.label for snippet in starters(course, one))
        taught = f"[{title(course, one.taught)}](/{one.taught})"
        lines.append(f"| {name} | {one.kind}, {one.minutes} minutes | {languages} | {taught} |")
    return "\n".join(lines)


PART = Part("exercises", ("table",), render=render, read=read)
