"""The course as it lies on the disk, read once for a build: what makes pages takes it, and opens no file again."""

from collections.abc import Callable
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from publish.sources import ledger, proofs, snippets
from publish.sources.files import LINK_TO_NOTHING, Fault, read_text
from publish.sources.languages import OUTPUT
from publish.sources.nodes import Document, document

ALLOWED = "docs/_course/allowed-code.yml"
More = ParamSpec("More")
Made = TypeVar("Made")


class Course:
    """What the disk says: of docs/ at once, of the rest when it is first asked for. Make a new one for each build."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: dict[tuple[Any, ...], Any] = {}  # by functions that `once` marks
        self.paths: list[str] = []  # all files below docs/
        self.pages: dict[str, str] = {}  # the Markdown below docs/ by its path, slides too
        self.data: dict[str, Document] = {}  # the YAML there
        self.faults: list[Fault] = []
        for file in sorted((root / "docs").rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.is_symlink() and not file.exists():
                self.faults.append(Fault(path, 1, LINK_TO_NOTHING))
            if not file.is_file():
                continue
            self.paths.append(path)
            if file.suffix in (".md", ".yml"):
                text, faults = read_text(root, path)
                if file.suffix == ".md":
                    self.pages[path] = text
                    self.faults += faults
                else:
                    self.data[path] = Document(path, faults=faults) if faults else document(path, text)

    def yaml(self, path: str) -> Document:
        """Return a YAML file below docs/; one without a root where there is none."""
        return self.data.get(path, Document(path))

    @cached_property
    def snippets(self) -> snippets.Snippets:
        """The programs and what they print."""
        return snippets.read(self.root)

    @cached_property
    def ledger(self) -> ledger.Ledger:
        """What was run."""
        texts = {one.path: one.text for one in self.snippets.files}
        texts |= {f"snippets/{example}{OUTPUT}": text for example, text in self.snippets.outputs.items()}
        texts[ledger.EXERCISES] = self.yaml(ledger.EXERCISES).text
        return ledger.Ledger(self.root, texts, self.yaml(ledger.REGISTRY))

    @cached_property
    def problems(self) -> dict[str, str]:
        """Why each snippet may not carry its badge, by its path; an empty string where it may."""
        return {one.path: self.ledger.problem(one) for one in self.snippets.files}

    @cached_property
    def collected(self) -> proofs.Proofs:
        """The tests, as they were found."""
        return proofs.collect(self.root, self.snippets, self.ledger)

    @property
    def proofs(self) -> dict[str, list[proofs.Proof]]:
        """The tests by name."""
        return self.collected.named

    @cached_property
    def tests(self) -> dict[str, str]:
        """The text of each file with proofs, by its path."""
        paths = {proof.path for found in self.proofs.values() for proof in found} | {proofs.CELLS}
        return {path: self.collected.texts[path] for path in sorted(paths & self.collected.texts.keys())}

    @property
    def allow_list(self) -> list[Any]:
        """The entries of the allow-list, as they stand there."""
        entries = self.yaml(ALLOWED).data or []
        return entries if isinstance(entries, list) else [entries]

    @cached_property
    def allowed(self) -> set[tuple[str, str]]:
        """The code that pages may show by themselves: the path of the page, and the code."""
        return {(entry["page"], entry["code"].strip()) for entry in self.allow_list}


def once(read: Callable[Concatenate[Course, More], Made]) -> Callable[Concatenate[Course, More], Made]:
    """Make a function of a course keep what it returns, so that it does its work once for each course."""

    @wraps(read)
    def kept(course: Course, /, *more: More.args, **named: More.kwargs) -> Made:
        key = (read, *more, *named.items())
        if key not in course.made:
            course.made[key] = read(course, *more, **named)
        made: Made = course.made[key]
        return made

    return kept
