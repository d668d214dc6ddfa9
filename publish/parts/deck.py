"""The deck and its run sheet: slides rendered as pages are, on reveal.js, which is published from npm beside them."""

import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from publish.pages.protocol import Part, Site
from publish.parts import lesson
from publish.parts.lesson import Lesson, Slide
from publish.parts.slide_code import SlideExpander, lines_of, presented, without_ids
from publish.sources.course import Course
from publish.sources.files import Fault
from publish.sources.headings import title
from publish.sources.includes import INCLUDE, included
from publish.sources.languages import PROGRAMMING
from publish.sources.snippets import RESERVED, Snippets

FILES = ("reveal.js", "reveal.css", "plugin/notes.js")  # of node_modules/reveal.js/dist
CANVAS = (1280, 680)  # what reveal.js scales to the window; the bar below it takes 40 px
MOST_STEPS = 6  # docs/stylesheets/deck.css has a rule for each


def faults(course: Course) -> Iterator[Fault]:
    """Find steps that do not fit their code. The slides' other faults are found by lesson.py, and as in all pages."""
    for slide in lesson.load(course).data.slides:
        yield from step_faults(course.snippets, slide)


def step_faults(snippets: Snippets, slide: Slide) -> Iterator[Fault]:
    """Find steps that do not fit the code that the slide shows first."""
    if not slide.steps:
        return
    first = next((include for include in included(slide.body) if include.section != RESERVED), None)
    shown = {
        snippet.language.label: len(snippet.sections[first.section].code.splitlines())
        for snippet in (presented(snippets, first.example) if first else ())
        if first and first.section in snippet.sections
    }
    if not shown:
        yield slide.fault("steps", "has steps, and no code to step through")
        return
    most = max(map(len, slide.steps.values()))
    if most > MOST_STEPS:
        yield slide.fault("steps", f"has {most} steps; {MOST_STEPS} are as many as a room follows")
    for label in shown.keys() - slide.steps.keys():
        yield slide.fault("steps", f"steps lack {label}, in which the slide shows its code too")
    for label, ranges in slide.steps.items():
        key = f"steps.{label}"
        if label not in shown:
            yield slide.fault(key, f"steps for {label}; the slide shows {', '.join(shown)}")
            continue
        if len(ranges) != most:
            yield slide.fault(key, f"{label} has {len(ranges)} steps, another language {most}; make them as many")
        for one in ranges:
            if not lines_of(one) or lines_of(one)[-1] > shown[label] or lines_of(one)[0] < 1:
                yield slide.fault(key, f"{one} is no range of lines of {label}'s section, which has {shown[label]}")


def pages(course: Course, site: Site) -> dict[str, str | bytes]:
    """Return the deck, what it loads, and the run sheet."""
    plan = lesson.load(course).data
    if not plan.sections:
        return {}
    npm = course.root / "node_modules" / "reveal.js"
    return {
        "present/index.html": deck(plan, course, site),
        "present/reveal-license.txt": (npm / "LICENSE").read_bytes(),
        **{f"present/{Path(name).name}": (npm / "dist" / name).read_bytes() for name in FILES},
        "teach/index.md": run_sheet(plan),
    }


def first_slides(course: Course) -> dict[str, str]:
    """Return for each page that slides belong to, by its source's path, the id of the first of them."""
    return {slide.page.partition("#")[0]: slide.id for slide in reversed(lesson.load(course).data.slides)}


def deck(plan: Lesson, course: Course, site: Site) -> str:
    """Return the page that holds all slides."""
    expander = SlideExpander(course, site)
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent.with_name("theme")), autoescape=True)
    template = environment.get_template("deck.html")
    titles = {slide.id: expander.plain(slide.title) for slide in plan.slides}
    slides = [
        {
            "id": slide.id,
            "seconds": round(slide.minutes * 60),
            "kind": kind(slide),
            "steps": max(map(len, slide.steps.values()), default=0),
            "href": f"../{re.sub(r'[.]md(?=#|$)', '.html', slide.page)}",
            "page": title(course, slide.page),
            "html": expander.render(slide),
            "timing": timing(plan, slide),
            "late": late(plan, slide, titles),
            "notes": without_ids(expander.html(slide.notes), slide.id),
        }
        for slide in plan.slides
    ]
    labels = [language.label for language in PROGRAMMING]
    return template.render(site=site, slides=slides, languages=labels, canvas=CANVAS)


def kind(slide: Slide) -> str:
    """Return how a slide is laid out: as a title, around code, or as text."""
    if slide.body.startswith("# "):
        return "title"
    return "code" if INCLUDE.search(slide.body) else "text"


def timing(plan: Lesson, slide: Slide) -> str:
    """Return the first line of a slide's notes: when it begins, how long it may take, what becomes of it if late."""
    return f"Due {lesson.clock(plan.due()[slide.id])} · {round(slide.minutes * 60)} s · {slide.priority}"


def late(plan: Lesson, slide: Slide, titles: dict[str, str]) -> str:
    """Return where to go from an optional slide when late: the next that is not optional, and how it opens."""
    after = plan.slides[plan.slides.index(slide) + 1 :]
    goal = next((other for other in after if other.priority != "optional"), None)
    if slide.priority != "optional" or goal is None:
        return ""
    opening = re.split(r"(?<=[.?!:])\s", goal.notes, maxsplit=1)[0]
    return f"If late, skip to: {titles[goal.id]} (opens with “{opening}”)"


def run_sheet(plan: Lesson) -> str:
    """Return the page that a teacher has at hand: when each slide is due, what may be left out, how to present."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent))
    environment.filters |= {"clock": lesson.clock, "minutes": minutes}
    sections, start = [], 0
    for section in plan.sections:
        slides = plan.of(section)
        end = start + section.minutes * 60
        sections.append({**vars(section), "start": start, "end": end, "slides": slides, "must": musts(slides)})
        start = end
    template = environment.get_template("deck.md")
    return template.render(plan=plan, sections=sections, due=plan.due(), must=musts(plan.slides))


def musts(slides: list[Slide]) -> list[Slide]:
    """Return the slides that must be shown."""
    return [slide for slide in slides if slide.priority == "must"]


def minutes(slides: list[Slide]) -> str:
    """Return the minutes that slides take together."""
    return f"{sum(slide.minutes for slide in slides):g}"


PART = Part(faults=faults, pages=pages, globals=lambda course: {"first_slides": first_slides(course)})
