"""The deck and its run sheet: slides rendered as pages are, on reveal.js, which is published from npm beside them."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from mkdocs.config.defaults import MkDocsConfig

from publish import lesson, render, snippets
from publish.expand import LINE_ANCHOR, Press
from publish.includes import INCLUDE, Include, parse
from publish.languages import PROGRAMMING
from publish.lesson import Lesson, Slide
from publish.snippets import RESERVED, Fault, Library, Section, Snippet

FILES = ("reveal.js", "reveal.css", "plugin/notes.js")  # of node_modules/reveal.js/dist
CANVAS = (1280, 680)  # what reveal.js scales to the window; the bar below it takes 40 px
CODE_WIDTH, CODE_HEIGHT = 1100, 562  # px that a slide has for its blocks, beside title and margins
BLOCK, PROSE, REASON = 50, 52, 32  # px that a block's margins and footer take, a line of prose, and of a reason
ADVANCE, LINE = 0.605, 1.35  # width of a character and height of a line, in sizes of the font
MOST_STEPS = 6  # docs/stylesheets/deck.css has a rule for each
LARGEST = 34  # px; larger code looks like a headline

ANCHOR = re.compile(r' id="[^"]*"(?=[^>]*>)|<a class="headerlink".*?</a>')
CODE = re.compile(r"(?<=<pre><span></span><code>)(.*?)\n?(?=</code></pre>)", re.DOTALL)


def faults(root: Path) -> Iterator[Fault]:
    """Find steps that do not fit their code. The slides' other faults are found by publish/lesson.py and check.py."""
    if (root / lesson.PLAN).exists():
        library = snippets.read(root)
        for slide in lesson.load(root)[0].slides:
            yield from step_faults(library, slide)


def step_faults(library: Library, slide: Slide) -> Iterator[Fault]:
    """Find steps that do not fit the code that the slide shows first."""
    if not slide.steps:
        return
    includes = (parse(match[0]) for match in INCLUDE.finditer(slide.body))
    first = next((include for include in includes if include and include.section != RESERVED), None)
    shown = {
        snippet.language.label: len(snippet.sections[first.section].code.splitlines())
        for snippet in (library.examples.get(first.example, {}).values() if first else ())
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


def lines_of(step: str) -> range:
    """Return the lines that a step such as 7-11 or 7 names; none where it is no such step."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", step)
    return range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)


def pages(press: Press, site: MkDocsConfig) -> dict[str, str | bytes]:
    """Return the deck, what it loads, and the run sheet."""
    root = press.root
    if not (root / lesson.PLAN).exists():
        return {}
    plan, _ = lesson.load(root)
    npm = root / "node_modules" / "reveal.js"
    return {
        "present/index.html": deck(plan, Stage(root), site),
        "present/reveal-license.txt": (npm / "LICENSE").read_bytes(),
        **{f"present/{Path(name).name}": (npm / "dist" / name).read_bytes() for name in FILES},
        "teach/index.md": run_sheet(plan),
    }


def first_slides(root: Path) -> dict[str, str]:
    """Return for each page that slides belong to, by its source's path, the id of the first of them."""
    if not (root / lesson.PLAN).exists():
        return {}
    plan, _ = lesson.load(root)
    return {slide.page.partition("#")[0]: slide.id for slide in reversed(plan.slides)}


def deck(plan: Lesson, stage: "Stage", site: MkDocsConfig) -> str:
    """Return the page that holds all slides."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).with_name("theme")), autoescape=True)
    template = environment.get_template("deck.html")
    titles = {slide.id: stage.plain(slide.title, site) for slide in plan.slides}
    slides = [
        {
            "id": slide.id,
            "seconds": round(slide.minutes * 60),
            "kind": kind(slide),
            "steps": max(map(len, slide.steps.values()), default=0),
            "href": f"../{re.sub(r'[.]md(?=#|$)', '.html', slide.page)}",
            "page": page_title(stage.root, slide),
            "html": stage.render(slide, site),
            "timing": timing(plan, slide),
            "late": late(plan, slide, titles),
            "notes": without_ids(render.html(site, stage, slide.notes, "../"), slide.id),
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


def page_title(root: Path, slide: Slide) -> str:
    """Return the title of the page that a slide belongs to."""
    text = (root / "docs" / slide.page.partition("#")[0]).read_text("utf-8")
    match = re.search(r"^(?:title:|#) +(.*)$", text, re.MULTILINE)
    return match[1].strip('"') if match else slide.page  # a title with a colon in it stands in quotes


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


def without_ids(html: str, slide: str) -> str:
    """Return a slide's HTML with its headings' anchors taken out and its diagrams' ids made its own."""
    html = re.sub(r"<h[1-6][^>]*>.*?(?=</h)", lambda heading: ANCHOR.sub("", heading[0]), html)
    return re.sub(r"\bdg-(?=[0-9a-f]{12})", f"dg-{slide}-", html)


class Stage(Press):
    """The press for slides: each language is a block that the deck shows or hides, its code as large as it fits."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.marks = itertools.count(1)  # proofs are numbered through the deck, so that their ids are unique
        self.slide: Slide
        self.asks = False  # the slide has shown code, so that a room can guess what it prints
        self.steps: list[list[str]] = []  # for each code block of the slide, in order

    def render(self, slide: Slide, site: MkDocsConfig) -> str:
        """Return the HTML of a slide."""
        self.slide, self.steps, self.asks = slide, [], False
        html = without_ids(render.html(site, self, slide.body, "../"), slide.id)
        steps = iter(self.steps)
        return CODE.sub(lambda code: in_lines(code[1], next(steps)), html)

    def plain(self, markdown: str, site: MkDocsConfig) -> str:
        """Return a line of Markdown as text."""
        return re.sub(r"<[^>]*>", "", render.html(site, self, markdown, "../"))

    def tabs(self, include: Include) -> str:
        """Return a block for each language; the first stands in for those that are missing, with the reason below."""
        first = not any(self.steps)
        blocks, found = [], self.library.examples[include.example].values()
        for snippet in found:
            section = snippet.sections[include.section]
            self.steps.append(self.slide.steps.get(snippet.language.label, []) if first else [])
            blocks.append(([snippet.language.label], self.block(snippet, section)))
        if any(snippet.language.transcript for snippet in found):
            return self.printed(blocks[0][1])
        self.asks = True
        blocks[0][0].extend(include.reasons)
        blocks += [
            ([label], f"Not shown in {label}: {reason}.\n{{: .absent }}") for label, reason in include.reasons.items()
        ]
        return "\n\n".join(
            f'<div class="language" data-languages="{",".join(labels)}" '
            f'style="--code: {min(map(self.size, labels))}px" markdown>\n\n'
            f'<p class="language-name">{labels[0]}</p>\n\n{block}\n\n</div>'
            for labels, block in blocks
        )

    def output(self, include: Include) -> str:
        """Return what the program printed; below code it comes with the next key, so that a room can guess first."""
        self.steps.append([])
        return self.printed(super().output(include), "fragment" if self.asks else "")

    def printed(self, block: str, fragment: str = "") -> str:
        """Return a block that stands beside the code of every language."""
        size = min(self.size(language.label) for language in PROGRAMMING)
        return f'<div class="printed {fragment}" style="--code: {size}px" markdown>\n\n{block}\n\n</div>'

    def block(self, snippet: Snippet, section: Section) -> str:
        """Return the code without a title: the line below it names the file."""
        return re.sub(r' title="[^"]*"', "", super().block(snippet, section), count=1)

    def provenance(self, snippet: Snippet, section: Section) -> str:
        """Return the line below a block: the file and what ran it. The page has the rest."""
        return f"`{snippet.file}` · {self.badge(snippet)}\n{{: .provenance }}"

    def claim(self, match: re.Match[str], number: int) -> str:
        """Number the claims through the whole deck."""
        return super().claim(match, next(self.marks))

    def size(self, label: str) -> float:
        """Return the px at which the slide's code in a language fits beside its title and its prose."""
        includes = [include for match in INCLUDE.finditer(self.slide.body) if (include := parse(match[0]))]
        texts = [self.text(include, label) for include in includes]
        lines = [line for text in texts for line in text.rstrip("\n").split("\n")]
        prose = sum(1 for line in self.slide.body.split("\n")[1:] if line.strip() and not INCLUDE.match(line))
        reasons = sum(1 for include in includes if label in include.reasons)
        room = CODE_HEIGHT - BLOCK * len(texts) - PROSE * prose - REASON * reasons
        high, wide = room / (LINE * max(len(lines), 1)), CODE_WIDTH / (ADVANCE * max(map(len, lines), default=1))
        return int(10 * min(high, wide, LARGEST)) / 10

    def text(self, include: Include, label: str) -> str:
        """Return what an include shows in a language."""
        if include.section == RESERVED:
            return self.library.outputs[include.example]
        first, *others = self.library.examples[include.example].values()
        shown = next((snippet for snippet in others if snippet.language.label == label), first)
        return shown.sections[include.section].code


def in_lines(code: str, steps: list[str]) -> str:
    """Return highlighted code with each line in an element that names the steps in which it stands out."""
    lines = []
    for number, line in enumerate(LINE_ANCHOR.sub("", code).split("\n"), 1):
        shown = " ".join(str(step) for step, one in enumerate(steps, 1) if number in lines_of(one))
        marks = f' data-steps="{shown}"' if steps else ""
        lines.append(f'<span class="line"{marks}>{line}</span>')
    return "\n".join(lines)


def run_sheet(plan: Lesson) -> str:
    """Return the page that a teacher has at hand: when each slide is due, what may be left out, how to present."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent))
    environment.filters |= {"clock": lesson.clock, "minutes": minutes}
    sections, start = [], 0
    for section in plan.sections:
        slides = plan.of(section)
        end = start + section["minutes"] * 60
        sections.append({**section, "start": start, "end": end, "slides": slides, "must": musts(slides)})
        start = end
    template = environment.get_template("deck.md")
    return template.render(plan=plan, sections=sections, due=plan.due(), must=musts(plan.slides))


def musts(slides: list[Slide]) -> list[Slide]:
    """Return the slides that must be shown."""
    return [slide for slide in slides if slide.priority == "must"]


def minutes(slides: list[Slide]) -> str:
    """Return the minutes that slides take together."""
    return f"{sum(slide.minutes for slide in slides):g}"
