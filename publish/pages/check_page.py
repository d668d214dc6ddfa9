"""Check the Markdown of a page, or of a text that stands elsewhere, line by line."""

import re
from collections.abc import Iterator

from publish.pages import diagrams
from publish.pages.expand import CLAIM
from publish.pages.protocol import Part
from publish.sources import blocks, ledger
from publish.sources.course import ALLOWED, Course
from publish.sources.files import Fault
from publish.sources.includes import parse
from publish.sources.languages import LANGUAGES
from publish.sources.proofs import NOT_RUN
from publish.sources.snippets import MARK, RESERVED

CONTAINER = re.compile(r"\s*(?:[-*+]|\d+\.|!!!|\?\?\?\+?|===[!+]?|\[\^\w+\]:|:)\s")
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
MISPLACED = re.compile(r"^\s*(#|!!!|\?\?\?|===)|!\[[^\]]*\]\(proof:|\[[^\]]*\[[^\]]*\]\(proof:")
INSTEAD = f"put it into a file below snippets/ and include a section, or list it in {ALLOWED} with a reason"


class Checker:
    """Checks one text after the other, and notes in `shown` which sections they show."""

    def __init__(self, course: Course, parts: tuple[Part, ...]) -> None:
        self.course = course
        self.parts = parts
        self.named = {part.name: part for part in parts if part.name}
        self.shown: set[tuple[str, str]] = set()

    def page(self, path: str, text: str) -> Iterator[Fault]:
        """Find the faults of one page."""
        for part in self.parts:
            yield from part.marks(self.course, path, text)
        for block in blocks.split(text):
            if not block.fenced:
                for number, line in enumerate(block.text.split("\n"), block.line):
                    yield from self.line(path, number, line)
                for number in indented_code(block.text):
                    yield Fault(path, block.line + number - 1, "is an indented code block; " + INSTEAD)
            elif not block.closed:
                yield Fault(path, block.line, "opens a fence that is never closed")
            elif block.info == "mermaid":
                for problem in diagrams.problems(block.text):
                    yield Fault(path, block.line, problem)
            elif (path, "\n".join(block.text.split("\n")[1:-1]).strip()) not in self.course.allowed:
                yield Fault(path, block.line, "is code that no test has run; " + INSTEAD)

    def line(self, path: str, number: int, line: str) -> Iterator[Fault]:
        """Find the faults of one line of prose."""
        if re.search(r"<(pre|code|textarea|xmp|samp|listing)\b", re.sub(r"`[^`]*`", "", line), re.IGNORECASE):
            yield Fault(path, number, "is HTML code that no test has run; " + INSTEAD)
        if MARK in line:
            yield Fault(path, number, f"`{MARK}` marks sections inside snippets; a page says `::: EXAMPLE SECTION`")
        for claim in CLAIM.finditer(line):
            proofs = self.course.proofs.get(claim["name"], [])
            if not proofs:
                yield Fault(path, number, f"no test is called {claim['name']}; write it, or name the one you mean")
            elif len({proof.example for proof in proofs}) > 1:
                places = ", ".join(sorted({proof.path for proof in proofs}))
                yield Fault(path, number, f"several examples have a test called {claim['name']} ({places}); rename one")
            for proof in proofs:
                if proof.outcome not in (ledger.PASSED, NOT_RUN):
                    yield Fault(path, number, f"its proof {claim['name']} {proof.outcome} ({proof.path}:{proof.line})")
        if "](proof:" in CLAIM.sub("", line):
            yield Fault(path, number, "a claim is written [words](proof:name_of_a_test), on one line")
        elif "](proof:" in line and (
            MISPLACED.search(line) or any("](proof:" in one[0] for one in CODE_SPAN.finditer(line))
        ):
            yield Fault(path, number, "a claim stands in running text, not in a heading, a title, a link or code")
        if re.match(r"[\s>|*+-]*:::", line):
            yield from self.include(path, number, line)

    def include(self, path: str, number: int, line: str) -> Iterator[Fault]:
        """Find what is wrong with an include line."""
        include = parse(line)
        if include is None or len(include.indent) % 4:
            form = "write `::: EXAMPLE SECTION` or `… (no LANGUAGE: reason)` on a line of its own, indented by fours"
            yield Fault(path, number, f"is no include; {form}")
            return
        example, section = include.example, include.section
        if part := self.named.get(example):
            if problem := part.problem(self.course, section):
                yield Fault(path, number, problem)
            return
        if ".." in example or example.startswith("/"):
            yield Fault(path, number, f"{example} leaves snippets/; name a path below it")
            return
        programs = self.course.snippets.examples.get(example)
        if not programs:
            yield Fault(path, number, f"snippets/{example}.* does not exist; it is named without its suffix")
            return
        if section == RESERVED:
            if example not in self.course.snippets.outputs:
                yield Fault(path, number, f"snippets/{example}.out does not exist; run `make output`")
            return
        self.shown.add((example, section))
        for snippet in programs.values():
            if section not in snippet.sections:
                known = ", ".join(snippet.sections)
                yield Fault(path, number, f"{snippet.path} has no section {section}; it has {known}")
        alone = any(snippet.language.transcript for snippet in programs.values())
        absent = [one for key, one in LANGUAGES.items() if not alone and not one.transcript and key not in programs]
        for label in include.reasons.keys() - {language.label for language in absent}:
            yield Fault(
                path, number, f"gives a reason for the lack of {label}, which is there or is no language of ours"
            )
        for language in absent:
            if not language.optional and language.label not in include.reasons:
                missing = f"snippets/{example}{language.suffix} does not exist"
                yield Fault(path, number, f"{missing}; write it, or add `(no {language.label}: the reason)`")


def indented_code(text: str) -> Iterator[int]:
    """Yield the lines (from 1) at which Markdown would begin an indented code block."""
    depth, blank, code = 0, True, False
    for number, line in enumerate(text.expandtabs(4).split("\n"), 1):
        if not line.strip():
            blank = True
            continue
        indent = len(line) - len(line.lstrip())
        depth = min(depth, indent // 4 * 4) if indent < depth else depth
        if blank and indent >= depth + 4 and not code:
            code = True
            yield number
        elif indent < depth + 4:
            code = False
            if CONTAINER.match(line):
                depth = indent // 4 * 4 + 4
        blank = False
