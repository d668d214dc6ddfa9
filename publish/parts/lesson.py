"""The lesson plan and its slides: read them, and find where they do not fit the clock."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from publish.sources.snippets import Fault

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


@dataclass
class Lesson:
    """The plan: minutes in all, objectives, sections, and the slides in the order of the sections."""

    minutes: int
    objectives: list[str]
    sections: list[dict[str, Any]]
    slides: list[Slide]

    def of(self, section: dict[str, Any]) -> list[Slide]:
        """Return the slides of a section."""
        return [slide for slide in self.slides if slide.section == section["id"]]

    def due(self) -> dict[str, int]:
        """Return for each slide, by its id, the second at which it begins if all goes by the plan."""
        due, start = {}, 0
        for section in self.sections:
            second = float(start)
            for slide in self.of(section):
                due[slide.id] = round(second)
                second += slide.minutes * 60
            start += section["minutes"] * 60
        return due


def clock(seconds: int) -> str:
    """Return a time of the lesson as it is spoken of: 04:00."""
    return f"{seconds // 60:02}:{seconds % 60:02}"


def load(root: Path) -> tuple[Lesson, list[Fault]]:
    """Read the plan and all slides. A slide that cannot be read is left out and reported."""
    plan = yaml.safe_load((root / PLAN).read_text("utf-8"))
    slides: list[Slide] = []
    faults: list[Fault] = []
    for section in plan["sections"]:
        for file in sorted((root / SLIDES / section["id"]).glob("*.md")):
            slide = read_slide(file.relative_to(root).as_posix(), section["id"], file.read_text("utf-8"))
            if isinstance(slide, Slide):
                slides.append(slide)
            else:
                faults.append(slide)
    return Lesson(plan["minutes"], plan["objectives"], plan["sections"], slides), faults


def read_slide(path: str, section: str, text: str) -> Slide | Fault:
    """Take a slide's file apart: front matter, body, and notes behind a line `Note:`."""
    match = FRONT.fullmatch(text)
    if match is None:
        return Fault(path, 1, "a slide begins with front matter between two lines of ---")
    try:
        data, lines = yaml.safe_load(match[1]), key_lines(yaml.compose(match[1]))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return Fault(path, mark.line + 2 if mark else 1, f"its front matter is not valid YAML: {error.problem}")
    if not isinstance(data, dict):
        return Fault(path, 2, "its front matter is a list of `key: value`")
    for name, value in data.items():
        if name not in KEYS:
            return Fault(path, lines[str(name)], f"the front matter has {name}, which a slide does not know")
        if not isinstance(value, KEYS[name][0]) or isinstance(value, bool):
            return Fault(path, lines[name], f"{name} is {KEYS[name][1]}, not {value!r}")
    for name in NEEDED:
        if name not in data:
            return Fault(path, 1, f"the front matter lacks {name}")
    for language, ranges in data.get("steps", {}).items():
        if not isinstance(ranges, list):
            return Fault(path, lines[f"steps.{language}"], f"steps are a list like [1-5, 7-11], not {ranges!r}")
        data["steps"][language] = [str(one) for one in ranges]
    body, notes = match[2].strip(), (match[3] or "").strip()
    return Slide(path=path, section=section, body=body, notes=notes, lines=lines, **data)


def key_lines(node: yaml.Node | None, prefix: str = "") -> dict[str, int]:
    """Return the line, in the slide's file, of each key of its front matter; a key of a key is called `outer.inner`."""
    lines = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        lines[prefix + key.value] = key.start_mark.line + 2  # the first line is ---
        lines |= key_lines(value, f"{prefix}{key.value}.")
    return lines


def faults(root: Path) -> Iterator[Fault]:
    """Find what does not add up."""
    if not (root / PLAN).exists():
        return
    lesson, broken = load(root)
    yield from broken
    lines = (root / PLAN).read_text("utf-8").splitlines()
    total = sum(section["minutes"] for section in lesson.sections)
    if total != lesson.minutes:
        text = f"the sections take {total} minutes, the lesson has {lesson.minutes}"
        yield Fault(PLAN, line_of(lines, "sections:"), text)
    known = {section["id"] for section in lesson.sections}
    for file in sorted((root / SLIDES).rglob("*.md")):
        if file.parent.relative_to(root / SLIDES).as_posix() not in known:
            yield Fault(file.relative_to(root).as_posix(), 1, f"lies in no section's folder; {PLAN} names the sections")
    seen: dict[str, str] = {}
    for slide in lesson.slides:
        yield from slide_faults(root, lesson, slide)
        if slide.id in seen:
            yield slide.fault("id", f"the id {slide.id} is that of {seen[slide.id]} too; rename one")
        seen.setdefault(slide.id, slide.path)
    for section in lesson.sections:
        taken = sum(slide.minutes for slide in lesson.of(section))
        where = line_of(lines, f"id: {section['id']},")
        if taken > section["minutes"]:
            text = f"the slides of {section['id']} take {taken:g} of its {section['minutes']} minutes"
            yield Fault(PLAN, where, text)
        elif section["complete"] and taken < section["minutes"]:
            text = f"is called complete, and its slides fill {taken:g} of its {section['minutes']} minutes"
            yield Fault(PLAN, where, f"{section['id']} {text}")


def slide_faults(root: Path, lesson: Lesson, slide: Slide) -> Iterator[Fault]:
    """Find what is wrong with one slide."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", slide.id):
        yield slide.fault("id", f"an id is small letters, digits and hyphens, not {slide.id}")
    if not slide.title:
        yield slide.fault("", "has no title; begin it with a line `## TITLE`")
    if not slide.notes:
        yield slide.fault("", "has no notes; write what is said behind a line `Note:`")
    if slide.minutes <= 0 or slide.demo < 0:
        yield slide.fault("minutes", "minutes is more than 0, demo not less")
    if slide.spoken > slide.minutes:
        spoken = f"{len(slide.notes.split())} words at {WORDS_A_MINUTE} a minute and {slide.demo} s of demo"
        yield slide.fault("minutes", f"{spoken} take {slide.spoken:.1f} minutes, it has {slide.minutes:g}")
    if slide.priority not in PRIORITIES:
        yield slide.fault("priority", f"priority is one of {', '.join(PRIORITIES)}, not {slide.priority}")
    if not 1 <= slide.objective <= len(lesson.objectives):
        text = f"there is no objective {slide.objective}; the plan has {len(lesson.objectives)}"
        yield slide.fault("objective", text)
    page = slide.page.partition("#")[0]
    if not (root / "docs" / page).is_file():
        yield slide.fault("page", f"its page docs/{page} does not exist")


def line_of(lines: list[str], text: str) -> int:
    """Return the line (from 1) that holds `text`, 1 if none does."""
    return next((number for number, line in enumerate(lines, 1) if text in line), 1)
