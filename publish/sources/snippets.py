"""Read the files below snippets/: their sections, their text without markers, and every fault in them."""

import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from publish.sources import languages
from publish.sources.files import LINK_TO_NOTHING, Fault, read_text
from publish.sources.languages import LANGUAGES, OUTPUT, Language

MARK = "--8<--"
RESERVED = "output"  # as a section's name it asks for what the program prints


class Section(NamedTuple):
    """A marked part of a snippet: first and last line (from 1), its code, dedented, and the line of its marker."""

    first: int
    last: int
    code: str
    marker: int


@dataclass
class Snippet:
    """One file below snippets/. `example` is its path there without suffix; languages of one example share it."""

    path: str
    example: str
    language: Language
    text: str
    sections: dict[str, Section] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The bare file name."""
        return self.path.rpartition("/")[2]

    @property
    def whole(self) -> str:
        """The file a reader keeps."""
        return self.unmarked(self.text.splitlines()) + "\n"

    def unmarked(self, lines: list[str]) -> str:
        """Return the text of some of its lines without markers and the blank lines that they leave behind."""
        text = "\n".join(line for line in lines if MARK not in line)
        text = re.sub(r"\n{3,}(?= )", "\n\n", text)  # within a class: one
        return re.sub(r"\n{3,}", "\n" * (self.language.blank_lines + 1), text)


def unfit(path: str, text: str) -> list[Fault]:
    """Find what keeps the text of a file below snippets/ from being published as it is."""
    if not text.strip():
        return [Fault(path, 1, "is empty; write the program or remove the file")]
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*(```|~~~)", line):
            faults.append(Fault(path, number, "begins with a Markdown fence, which would end the block early"))
        if "\t" in line or line.isspace():
            faults.append(Fault(path, number, "has a tab, or nothing but spaces; Markdown would change it on the page"))
    return faults


def bare(line: str) -> bool:
    """Say whether a line holds no code: it is blank, or a marker."""
    return not line.strip() or MARK in line


def parse(path: str, text: str) -> tuple[Snippet, list[Fault]]:
    """Find the sections of a snippet, of which one may lie inside another.

    Faults: malformed, duplicate, overlapping, unclosed or empty sections.
    """
    language = languages.of(path)
    snippet = Snippet(path, path.removeprefix("snippets/").removesuffix(language.suffix), language, text)
    marker = re.compile(rf"\s*{re.escape(language.comment)} {MARK} \[(start|end):([\w-]+)\]")
    faults: list[Fault] = []
    lines = text.splitlines()
    opened: dict[str, int] = {}  # the sections that are open, each with the line of its marker
    for number, line in enumerate(lines, 1):
        if MARK not in line:
            continue
        match = marker.fullmatch(line.rstrip())
        if match is None:
            form = f"{language.comment} {MARK} [start:name]"
            faults.append(Fault(path, number, f"is not a marker; write `{form}` or `[end:name]`"))
        elif match[2] == RESERVED:
            faults.append(
                Fault(path, number, f"a section cannot be called {RESERVED}, which means what the program prints")
            )
        elif match[1] == "start":
            if match[2] in snippet.sections or match[2] in opened:
                faults.append(Fault(path, number, f"section {match[2]} stands here twice; rename one"))
            opened[match[2]] = number
        elif match[2] not in opened:
            faults.append(Fault(path, number, f"ends section {match[2]}, which is not open"))
        else:
            begun = opened.pop(match[2])
            for other, place in opened.items():
                if place > begun:
                    wrong = f"section {other} overlaps {match[2]}, open since line {begun}; one may only hold the other"
                    faults.append(Fault(path, place, wrong))
            first, last = begun + 1, number - 1
            while first <= last and bare(lines[first - 1]):
                first += 1
            while last >= first and bare(lines[last - 1]):
                last -= 1
            if first > last:
                faults.append(Fault(path, number, f"section {match[2]} is empty"))
            code = textwrap.dedent(snippet.unmarked(lines[first - 1 : last]))
            snippet.sections[match[2]] = Section(first, last, code, begun)
    for name, place in opened.items():
        faults.append(Fault(path, place, f"section {name} is never closed; add [end:{name}]"))
    return snippet, faults


@dataclass
class Snippets:
    """Everything below snippets/: programs by example and suffix, stored outputs by example, and all faults."""

    examples: dict[str, dict[str, Snippet]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def files(self) -> list[Snippet]:
        """All programs, in the order of their paths."""
        return [snippet for programs in self.examples.values() for snippet in programs.values()]


def read(root: Path) -> Snippets:
    """Read every file below `root`/snippets."""
    found = Snippets()
    home = (root / "snippets").resolve()
    for file in sorted(home.rglob("*")):
        path = file.relative_to(home.parent).as_posix()
        suffix = OUTPUT if file.suffix == OUTPUT else languages.suffix(path)
        if any(part.startswith(".") or part in ("__pycache__", "node_modules") for part in path.split("/")):
            continue
        if file.is_symlink() and not file.exists():
            found.faults.append(Fault(path, 1, LINK_TO_NOTHING))
        elif file.is_symlink() and not file.resolve().is_relative_to(home):
            found.faults.append(Fault(path, 1, "is a link that leaves snippets/; put the file itself here"))
        elif file.is_dir():
            continue
        elif not suffix:
            known = ", ".join([*LANGUAGES, OUTPUT])
            found.faults.append(Fault(path, 1, f"is of no kind that the course knows ({known}); move it elsewhere"))
        else:
            text, faults = read_text(root, path)
            faults = faults or unfit(path, text)
            found.faults += faults
            example = path.removeprefix("snippets/").removesuffix(suffix)
            if suffix == OUTPUT:
                found.outputs[example] = text
            elif not faults:
                snippet, faults = parse(path, text)
                found.faults += faults
                found.examples.setdefault(example, {})[suffix] = snippet
    for example in found.outputs.keys() - found.examples.keys():
        if not found.faults:
            found.faults.append(Fault(f"snippets/{example}{OUTPUT}", 1, "has no program beside it that prints it"))
    order = list(LANGUAGES)
    for programs in found.examples.values():
        transcripts = [snippet for snippet in programs.values() if snippet.language.transcript]
        if transcripts and len(programs) > 1:
            found.faults.append(Fault(transcripts[0].path, 1, "is a transcript, which stands alone; rename it"))
    for example, programs in found.examples.items():
        found.examples[example] = dict(sorted(programs.items(), key=lambda item: order.index(item[0])))
    return found
