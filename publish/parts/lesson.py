"""The lesson plan and its slides: read them, and find where they do not fit the clock."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import MappingNode, Node

from publish.sources.course import Course, once
from publish.sources.files import Fault
from publish.sources.headings import page_problem
from publish.sources.nodes import DIGITS, Read, Reader, document, line_of, repeated

PLAN = "docs/_course/lesson.yml"
SLIDES = "docs/_course/slides"
WORDS_A_MINUTE = 130  # a calm speaker
PRIORITIES = ("must", "should", "optional")
FRONT = re.compile(r"---\n(.*?)\n---\n(.*?)(?:\nNote:\n(.*))?", re.DOTALL)
NUMBER = (int, float)
KEYS: dict[str, tuple[Any, str]] = {  # of a slide's front matter: what each is, in Python and in words
    "id": (str, "a word"),
    "page": (str, "a path below docs/"),
    "minutes": (NUMBER, "a number"),
    "priority": (str, "a word"),
    "objective": (int, "a number"),
    "demo": (int, "a number of seconds"),
    "steps": (dict, "a list of line ranges for each language"),
}
NEEDED = ("id", "page", "minutes", "priority", "objective")


@dataclass
class Slide:
    """One slide: its front matter, its Markdown, its notes. `minutes` is what it may take, `demo` seconds of that."""

    path: str
    section: str
    id: str
    page: str  # the page it belongs to, with an anchor
    minutes: float
    priority: str
    objective: int
    body: str
    notes: str
    demo: int = 0
    steps: dict[str, list[str]] = field(default_factory=dict)  # by language: line ranges to show one after the other
    lines: dict[str, int] = field(default_factory=dict)  # where each key stands in the file, "steps.Python" too

    @property
    def spoken(self) -> float:
        """Minutes that its notes and its demo take."""
        return len(self.notes.split()) / WORDS_A_MINUTE + self.demo / 60

    @property
    def title(self) -> str:
        """Its heading; empty where it has none."""
        match = re.match(r"#+ (.*)", self.body)
        return match[1] if match else ""

    def fault(self, key: str, text: str) -> Fault:
        """Return a fault at the line of a key."""
        return Fault(self.path, self.lines.get(key, 1), text)


@dataclass(frozen=True)
class Section:
    """A section of the lesson, at a line of the plan. If `complete`, its slides fill its minutes."""

    line: int
    id: str
    title: str
    minutes: int
    complete: bool
    activity: str


@dataclass
class Lesson:
    """The plan: minutes in all, objectives, sections, and the slides in the order of the sections."""

    minutes: int
    objectives: list[str]
    sections: list[Section]
    slides: list[Slide]

    def of(self, section: Section) -> list[Slide]:
        """Return the slides of a section."""
        return [slide for slide in self.slides if slide.section == section.id]

    def due(self) -> dict[str, int]:
        """Return for each slide, by its id, the second at which it begins if all goes by the plan."""
        due, start = {}, 0
        for section in self.sections:
            second = float(start)
            for slide in self.of(section):
                due[slide.id] = round(second)
                second += slide.minutes * 60
            start += section.minutes * 60
        return due


def clock(seconds: int) -> str:
    """Return a time of the lesson as it is spoken of: 04:00."""
    return f"{seconds // 60:02}:{seconds % 60:02}"


@once
def load(course: Course) -> Read[Lesson]:
    """Read the plan and all slides. A slide that cannot be read is left out and reported."""
    reader = Reader(course.yaml(PLAN))
    found = reader.fields(reader.root, "the plan", ("minutes", "objectives", "sections"))
    minutes = reader.number(found.get("minutes"), "minutes")
    objectives = [reader.text(one, "an objective") for one in reader.items(found.get("objectives"), "objectives")]
    sections = [read_section(reader, one) for one in reader.items(found.get("sections"), "sections")]
    for number, section in enumerate(sections):
        if section.id in [other.id for other in sections[:number]]:
            reader.faults.append(Fault(PLAN, section.line, f"the id {section.id} is taken; rename one"))
    slides: list[Slide] = []
    faults = reader.faults
    for section in sections:
        for path, text in course.pages.items():
            if path.rpartition("/")[0] == f"{SLIDES}/{section.id}":
                slide = read_slide(path, section.id, text)
                slides += [slide] if isinstance(slide, Slide) else []
                faults += [slide] if isinstance(slide, Fault) else []
    return Read(Lesson(minutes, objectives, sections, slides), faults, reader.texts)


def read_section(reader: Reader, node: Node) -> Section:
    """Read a section of the plan."""
    found = reader.fields(node, "a section", ("id", "title", "minutes", "activity", "complete"))
    id, title, activity = (reader.text(found.get(name), name) for name in ("id", "title", "activity"))
    minutes = reader.number(found.get("minutes"), "minutes")
    return Section(line_of(node), id, title, minutes, reader.flag(found.get("complete"), "complete"), activity)


def read_slide(path: str, section: str, text: str) -> Slide | Fault:
    """Take a slide's file apart: front matter, body, and notes behind a line `Note:`."""
    match = FRONT.fullmatch(text)
    if match is None:
        return Fault(path, 1, "a slide begins with front matter between two lines of ---")
    front = document(path, f"\n{match[1]}")  # below the line of ---
    for fault in front.faults:
        return fault._replace(text=f"its front matter {fault.text}")
    data, lines = front.data, key_lines(front.root)
    if not isinstance(data, dict):
        return Fault(path, 2, "its front matter is a list of `key: value`")
    if again := next(repeated(path, front.root, "the front matter"), None):
        return again
    for name, value in data.items():
        if name not in KEYS:
            return Fault(path, lines.get(str(name), 2), f"the front matter has {name}, which a slide does not know")
        if not isinstance(value, KEYS[name][0]) or isinstance(value, bool):
            return Fault(path, lines[name], f"{name} is {KEYS[name][1]}, not {value!r}")
        if isinstance(value, int) and abs(value) >= 10**DIGITS:
            return Fault(path, lines[name], f"{name} is a number of at most {DIGITS} digits")
    for name in NEEDED:
        if name not in data:
            return Fault(path, 1, f"the front matter lacks {name}")
    for language, ranges in data.get("steps", {}).items():
        if not isinstance(ranges, list):
            return Fault(path, lines[f"steps.{language}"], f"steps are a list like [1-5, 7-11], not {ranges!r}")
        data["steps"][language] = [str(one) for one in ranges]
    body, notes = match[2].strip(), (match[3] or "").strip()
    return Slide(path=path, section=section, body=body, notes=notes, lines=lines, **data)


def key_lines(node: Node | None, prefix: str = "") -> dict[str, int]:
    """Return the line, in the slide's file, of each key of its front matter; a key of a key is called `outer.inner`."""
    lines = {}
    for key, value in node.value if isinstance(node, MappingNode) else ():
        lines[prefix + key.value] = line_of(key)
        lines |= key_lines(value, f"{prefix}{key.value}.")
    return lines


def faults(course: Course) -> Iterator[Fault]:
    """Find what does not add up."""
    lesson, found, _ = load(course)
    if any(fault.path == PLAN for fault in found):
        return  # a plan that cannot be read whole adds up to nothing
    total = sum(section.minutes for section in lesson.sections)
    if total != lesson.minutes:
        text = f"the sections take {total} minutes, the lesson has {lesson.minutes}"
        yield Fault(PLAN, lesson.sections[0].line - 1 if lesson.sections else 1, text)
    known = {section.id for section in lesson.sections}
    for path in course.pages:
        folder = path.rpartition("/")[0]
        if path.startswith(f"{SLIDES}/") and folder.removeprefix(f"{SLIDES}/") not in known:
            yield Fault(path, 1, f"lies in no section's folder; {PLAN} names the sections")
    seen: dict[str, str] = {}
    for slide in lesson.slides:
        yield from slide_faults(course, lesson, slide)
        if slide.id in seen:
            yield slide.fault("id", f"the id {slide.id} is that of {seen[slide.id]} too; rename one")
        seen.setdefault(slide.id, slide.path)
    unread = {fault.path.removeprefix(f"{SLIDES}/").rpartition("/")[0] for fault in found}  # more would fill them
    for section in lesson.sections:
        taken = sum(slide.minutes for slide in lesson.of(section))
        if taken > section.minutes:
            text = f"the slides of {section.id} take {taken:g} of its {section.minutes} minutes"
            yield Fault(PLAN, section.line, text)
        elif section.complete and taken < section.minutes and section.id not in unread:
            text = f"is called complete, and its slides fill {taken:g} of its {section.minutes} minutes"
            yield Fault(PLAN, section.line, f"{section.id} {text}")


def slide_faults(course: Course, lesson: Lesson, slide: Slide) -> Iterator[Fault]:
    """Find what is wrong with one slide."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", slide.id):
        yield slide.fault("id", f"an id is small letters, digits and hyphens, not {slide.id}")
    if not slide.title:
        yield slide.fault("", "has no title; begin it with a line `## TITLE`")
    if not slide.notes:
        yield slide.fault("", "has no notes; write what is said behind a line `Note:`")
    if not 0 < slide.minutes < math.inf or slide.demo < 0:
        yield slide.fault("minutes", "minutes is more than 0, demo not less")
    if slide.spoken > slide.minutes:
        spoken = f"{len(slide.notes.split())} words at {WORDS_A_MINUTE} a minute and {slide.demo} s of demo"
        yield slide.fault("minutes", f"{spoken} take {slide.spoken:.1f} minutes, it has {slide.minutes:g}")
    if slide.priority not in PRIORITIES:
        yield slide.fault("priority", f"priority is one of {', '.join(PRIORITIES)}, not {slide.priority}")
    if not 1 <= slide.objective <= len(lesson.objectives):
        text = f"there is no objective {slide.objective}; the plan has {len(lesson.objectives)}"
        yield slide.fault("objective", text)
    page, mark, _ = slide.page.partition("#")
    if f"docs/{page}" not in course.pages:
        yield slide.fault("page", f"its page docs/{page} does not exist")
    elif mark and (problem := page_problem(course, slide.page)):
        yield slide.fault("page", f"its page {problem}")
