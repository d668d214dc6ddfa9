"""Markdown in, Markdown out: turn a page's one-line includes and proof links into what readers see."""

import itertools
import re
import textwrap

from publish.pages import diagrams
from publish.pages.protocol import Part
from publish.sources import blocks, ledger
from publish.sources.course import Course
from publish.sources.includes import INCLUDE, Include, parse
from publish.sources.snippets import RESERVED, Section, Snippet

CLAIM = re.compile(r"\[(?P<text>[^\[\]]+)\]\(proof:(?P<name>\w+)\)(?P<end>[.,;:]?)")
ABSENT = '{: .absent data-search-exclude="" }'
PROVENANCE = '{: .provenance data-search-exclude="" }'  # the search index is loaded on every page: prose only


class Expander:
    """Pours into a page what the course and its parts say."""

    def __init__(self, course: Course, parts: tuple[Part, ...]) -> None:
        self.course = course
        self.parts = parts
        self.named = {part.name: part for part in parts if part.name}

    def expand(self, markdown: str) -> str:
        """Return the page with code, outputs, provenance, proofs and diagrams in it. Faults are `check`'s to find."""
        claims = itertools.count(1)

        def include(match: re.Match[str]) -> str:
            line = parse(match[0])
            if line is None:
                return match[0]
            if part := self.named.get(line.example):
                block = prose(part.render(self.course, line.section))  # it may have code and claims of its own
            else:
                block = self.output(line) if line.section == RESERVED else self.tabs(line)
            return f"\n{textwrap.indent(block, line.indent)}\n"

        def prose(text: str) -> str:
            for part in self.parts:
                text = part.fill(self.course, text)
            text = CLAIM.sub(lambda match: self.claim(match, next(claims)), text)
            return INCLUDE.sub(include, text)  # last, for code may look like a claim

        parts = [part.text if part.fenced else prose(part.text) for part in blocks.split(markdown)]
        return diagrams.inline("\n".join(parts), self.course.root / "docs")

    def programs(self, example: str) -> list[Snippet]:
        """Return the programs of an example, in the order of their tabs."""
        return list(self.course.snippets.examples[example].values())

    def tabs(self, include: Include) -> str:
        """Return a tab for each language that there is: its code, what ran it, how to keep it. Then why others lack."""
        found = self.programs(include.example)
        tabs = [(snippet.language.label, self.block(snippet, snippet.sections[include.section])) for snippet in found]
        if any(snippet.language.transcript for snippet in found):
            return tabs[0][1]
        marks = ["===!", *["==="] * len(tabs)]  # the first begins a set of its own, whatever stands before it
        parts = [
            f'{mark} "{label}"\n\n{textwrap.indent(body, "    ")}'
            for mark, (label, body) in zip(marks, tabs, strict=False)
        ]
        return "\n\n".join([*parts, f"{absent(include)}\n{ABSENT}"] if include.reasons else parts)

    def block(self, snippet: Snippet, section: Section) -> str:
        """Return the code of a section, and the line below it."""
        fence = fenced(snippet.language.lexer, snippet.path, section.code)
        return f"{fence}\n\n{self.provenance(snippet, section)}"

    def provenance(self, snippet: Snippet, section: Section) -> str:
        """Return the line below a block: the badge, the lines, the links, the commands that run it."""
        source = f"[source](/source/{snippet.path}.md#{anchor(section.first)})"
        button = f'<button type="button" class="copy-file" data-file="{snippet.path}">Copy whole file</button>'
        copy = f'<span class="copy" hidden>{button} · </span>'
        download = f"[Download](/{snippet.path}){{: download }}"
        run = " then ".join(f"`{command}`" for command in snippet.language.commands(snippet.file, snippet.text))
        where = f"lines {section.first}–{section.last} of the {source}"
        return f"{badge(self.course, snippet)} · {where}<br>\n{copy}{download} · {run}\n{PROVENANCE}"

    def output(self, include: Include) -> str:
        """Return what the program printed, the same in every language."""
        text = self.course.snippets.outputs[include.example].rstrip("\n")
        badges = {one.language.label: badge(self.course, one) for one in self.programs(include.example)}
        note = "; ".join(f"{label}: {mark}" for label, mark in badges.items())
        return f"{fenced('text', 'What it printed', text)}\n\n{note}\n{PROVENANCE}"

    def claim(self, match: re.Match[str], number: int) -> str:
        """Return a claim with a mark that opens to the tests that prove it. Works without JavaScript."""
        name = match["name"]
        before, last = match["text"], ""
        if not re.search("[`*_<&]", before):  # then its last word can hold the mark, lest it begin a line
            before, last = re.fullmatch(r"(.* |)(\S+)", before).groups()  # type: ignore[union-attr]
        found = self.course.proofs[name]
        passed = all(proof.outcome == ledger.PASSED for proof in found)
        rows = "".join(
            f'<span class="proof-row"><span class="proof-language">{proof.language}</span> '
            f"[{proof.path.rpartition('/')[2]}:{proof.line}](/source/{proof.path}.md#{anchor(proof.line)}) "
            f'<span class="proof-outcome">{proof.said}</span></span>'
            for proof in found
        )
        word = "passed" if passed else "not proved"
        return (
            f'{before}<span class="nowrap">{last}<button type="button" class="proof {word.replace(" ", "-")}" '
            f'popovertarget="proof-{number}" aria-label="Proof: {name}, {word}"></button>{match["end"]}</span>'
            # <small>, because the search takes the end of a nested element of the same kind for the end of this one
            f'<small class="proof-card" id="proof-{number}" popover data-search-exclude>'
            f'<span class="proof-name">{name}</span> {rows}</small>'
        )


def badge(course: Course, snippet: Snippet) -> str:
    """Return what the ledger knows of a snippet, as a mark that also says it in words."""
    if problem := course.problems[snippet.path]:
        return f'<span class="badge stale" title="This file {problem}">Not run here</span>'
    row = course.ledger.rows[snippet.path]
    (server, version), *clients = row.versions.items()
    others = [f"{name} in part" if name in row.differs else name for name in row.servers]
    versions = [f"{server} {'.'.join(version.split('.')[:2])}", *others, *(" ".join(client) for client in clients)]
    return f'<span class="badge passed">Ran {row.date}</span> on {", ".join(versions)}'


def absent(include: Include) -> str:
    """Return in words why a language is missing."""
    labels: dict[str, list[str]] = {}
    for label, reason in include.reasons.items():
        labels.setdefault(reason, []).append(label)
    return " ".join(f"Not shown in {' or '.join(of)}: {reason}." for reason, of in labels.items())


def fenced(lexer: str, title: str, code: str) -> str:
    """Return a code block with a title, which the search leaves out."""
    return f'```{{ .{lexer} title="{title}" data-search-exclude="" }}\n{code}\n```'


LINE_ANCHOR = re.compile(r'<a id="__codelineno-[^>]*></a>')  # Pygments puts one before each line of a block


def anchor(line: int) -> str:
    """Return the anchor of a line on a source page, as Pygments writes it for the first block of a page."""
    return f"__codelineno-0-{line}"
