"""A slide's Markdown: each language is a block that the deck shows or hides, its code as large as it fits."""

import itertools
import re

from publish.pages.expand import LINE_ANCHOR, Expander, badge
from publish.pages.protocol import Site
from publish.parts.lesson import Slide
from publish.sources.course import Course
from publish.sources.includes import INCLUDE, Include, included
from publish.sources.languages import PROGRAMMING
from publish.sources.nodes import DIGITS
from publish.sources.snippets import RESERVED, Section, Snippet, Snippets

CODE_WIDTH, CODE_HEIGHT = 1100, 562  # px that a slide has for its blocks, beside title and margins
BLOCK, PROSE, REASON = 50, 52, 32  # px that a block's margins and footer take, a line of prose, and of a reason
ADVANCE, LINE = 0.605, 1.35  # width of a character and height of a line, in sizes of the font
LARGEST = 34  # px; larger code looks like a headline

ANCHOR = re.compile(r' id="[^"]*"(?=[^>]*>)|<a class="headerlink".*?</a>')
CODE = re.compile(r"(?<=<pre><span></span><code>)(.*?)\n?(?=</code></pre>)", re.DOTALL)


class SlideExpander(Expander):
    """Pours into a slide what the course says."""

    def __init__(self, course: Course, site: Site) -> None:
        super().__init__(course, site.parts)
        self.site = site
        self.marks = itertools.count(1)  # proofs are numbered through the deck, so that their ids are unique
        self.slide: Slide
        self.asks = False  # the slide has shown code, so that a room can guess what it prints
        self.steps: list[list[str]] = []  # for each code block of the slide, in order

    def render(self, slide: Slide) -> str:
        """Return the HTML of a slide."""
        self.slide, self.steps, self.asks = slide, [], False
        html = without_ids(self.html(slide.body), slide.id)
        steps = iter(self.steps)
        return CODE.sub(lambda code: in_lines(code[1], next(steps)), html)

    def html(self, markdown: str) -> str:
        """Return the HTML of a text in the deck."""
        return self.site.html(self, markdown, "../")

    def plain(self, markdown: str) -> str:
        """Return a line of Markdown as text."""
        return re.sub(r"<[^>]*>", "", self.html(markdown))

    def tabs(self, include: Include) -> str:
        """Return a block for each language; the first stands in for those that are missing, with the reason below."""
        first = not any(self.steps)
        blocks, found = [], self.programs(include.example)
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

    def programs(self, example: str) -> list[Snippet]:
        """Return the programs that a slide shows."""
        return presented(self.course.snippets, example)

    def output(self, include: Include) -> str:
        """Return what the program printed; below code it comes with the next key, so that a room can guess first."""
        self.steps.append([])
        return self.printed(super().output(include), "printed fragment" if self.asks else "printed")

    def printed(self, block: str, classes: str = "printed") -> str:
        """Return a block that stands beside the code of every language."""
        size = min(self.size(language.label) for language in PROGRAMMING)
        return f'<div class="{classes}" style="--code: {size}px" markdown>\n\n{block}\n\n</div>'

    def block(self, snippet: Snippet, section: Section) -> str:
        """Return the code without a title: the line below it names the file."""
        return re.sub(r' title="[^"]*"', "", super().block(snippet, section), count=1)

    def provenance(self, snippet: Snippet, section: Section) -> str:
        """Return the line below a block: the file and what ran it. The page has the rest."""
        return f"`{snippet.file}` · {badge(self.course, snippet)}\n{{: .provenance }}"

    def claim(self, match: re.Match[str], number: int) -> str:
        """Number the claims through the whole deck."""
        return super().claim(match, next(self.marks))

    def size(self, label: str) -> float:
        """Return the px at which the slide's code in a language fits beside its title and its prose."""
        includes = [one for one in included(self.slide.body) if one.example in self.course.snippets.examples]
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
            return self.course.snippets.outputs[include.example]
        first, *others = self.programs(include.example)
        shown = next((snippet for snippet in others if snippet.language.label == label), first)
        return shown.sections[include.section].code


def presented(snippets: Snippets, example: str) -> list[Snippet]:
    """Return the programs of an example that a slide shows: an optional language only where there is no other."""
    programs = list(snippets.examples.get(example, {}).values())
    return [program for program in programs if not program.language.optional] or programs


def in_lines(code: str, steps: list[str]) -> str:
    """Return highlighted code with each line in an element that names the steps in which it stands out."""
    lines = []
    for number, line in enumerate(LINE_ANCHOR.sub("", code).split("\n"), 1):
        shown = " ".join(str(step) for step, one in enumerate(steps, 1) if number in lines_of(one))
        marks = f' data-steps="{shown}"' if steps else ""
        lines.append(f'<span class="line"{marks}>{line}</span>')
    return "\n".join(lines)


def lines_of(step: str) -> range:
    """Return the lines that a step such as 7-11 or 7 names; none where it is no such step."""
    match = re.fullmatch(rf"(\d{{1,{DIGITS}}})(?:-(\d{{1,{DIGITS}}}))?", step)
    return range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)


def without_ids(html: str, slide: str) -> str:
    """Return a slide's HTML with its headings' anchors taken out and its diagrams' ids made its own."""
    html = re.sub(r"<h[1-6][^>]*>.*?(?=</h)", lambda heading: ANCHOR.sub("", heading[0]), html)
    return re.sub(r"\bdg-(?=[0-9a-f]{12})", f"dg-{slide}-", html)
