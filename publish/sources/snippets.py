"""Read the files below snippets/: their sections, their text without markers, and every fault in them."""

import hashlib
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from publish.sources.languages import LANGUAGES, OUTPUT, Language

MARK = "--8<--"
RESERVED = "output"  # as a section's name it asks for what the program prints


class Fault(NamedTuple):
    """Something wrong in a source file: `path` relative to the repository, `line` from 1, and what to do about it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Section(NamedTuple):
    """A marked part of a snippet: first and last line (from 1) and its code, dedented."""

    first: int
    last: int
    code: str


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
        return re.sub(r"\n{3,}", "\n\n\n" if self.language.extension == ".py" else "\n\n", text)


def digest(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_text(root: Path, path: str) -> tuple[str, list[Fault]]:
    """Return the text of a source file; a fault where it is not UTF-8."""
    try:
        return (root / path).read_text("utf-8"), []
    except UnicodeDecodeError as error:
        number = (root / path).read_bytes()[: error.start].count(b"\n") + 1
        return "", [Fault(path, number, "is not UTF-8; save it as UTF-8")]


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
    language = LANGUAGES[Path(path).suffix]
    snippet = Snippet(path, path.removeprefix("snippets/").rpartition(".")[0], language, text)
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
            for other, line in opened.items():
                if line > begun:
                    wrong = f"section {other} overlaps {match[2]}, open since line {begun}; one may only hold the other"
                    faults.append(Fault(path, line, wrong))
            first, last = begun + 1, number - 1
            while first <= last and bare(lines[first - 1]):
                first += 1
            while last >= first and bare(lines[last - 1]):
                last -= 1
            if first > last:
                faults.append(Fault(path, number, f"section {match[2]} is empty"))
            code = textwrap.dedent(snippet.unmarked(lines[first - 1 : last]))
            snippet.sections[match[2]] = Section(first, last, code)
    for name, line in opened.items():
        faults.append(Fault(path, line, f"section {name} is never closed; add [end:{name}]"))
    return snippet, faults


@dataclass
class Library:
    """Everything below snippets/: programs by example and extension, stored outputs by example, and all faults."""

    examples: dict[str, dict[str, Snippet]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def snippets(self) -> list[Snippet]:
        """All programs, in the order of their paths."""
        return [snippet for languages in self.examples.values() for snippet in languages.values()]


def read(root: Path) -> Library:
    """Read every file below `root`/snippets."""
    library = Library()
    home = (root / "snippets").resolve()
    for file in sorted(home.rglob("*")):
        path = file.relative_to(home.parent).as_posix()
        if any(part.startswith(".") or part in ("__pycache__", "node_modules") for part in path.split("/")):
            continue
        if file.is_symlink() and not file.resolve().is_relative_to(home):
            library.faults.append(Fault(path, 1, "is a link that leaves snippets/; put the file itself here"))
        elif file.is_dir():
            continue
        elif file.suffix not in {*LANGUAGES, OUTPUT}:
            known = ", ".join([*LANGUAGES, OUTPUT])
            library.faults.append(Fault(path, 1, f"is of no kind that the course knows ({known}); move it elsewhere"))
        else:
            text, faults = read_text(root, path)
            faults = faults or unfit(path, text)
            library.faults += faults
            example = path.removeprefix("snippets/").rpartition(".")[0]
            if file.suffix == OUTPUT:
                library.outputs[example] = text
            elif not faults:
                snippet, faults = parse(path, text)
                library.faults += faults
                library.examples.setdefault(example, {})[file.suffix] = snippet
    for example in library.outputs.keys() - library.examples.keys():
        if not library.faults:
            library.faults.append(Fault(f"snippets/{example}{OUTPUT}", 1, "has no program beside it that prints it"))
    order = list(LANGUAGES)
    for languages in library.examples.values():
        transcripts = [snippet for snippet in languages.values() if snippet.language.transcript]
        if transcripts and len(languages) > 1:
            library.faults.append(Fault(transcripts[0].path, 1, "is a transcript, which stands alone; rename it"))
    for example, languages in library.examples.items():
        library.examples[example] = dict(sorted(languages.items(), key=lambda item: order.index(item[0])))
    return library
