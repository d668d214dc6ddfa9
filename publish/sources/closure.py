"""What a test rests on: its own file, and the files of this repository that it imports or names, step by step.

Python: what it imports, the programs that it names in a string, and the conftest.py of each folder above it, whose
fixtures need no import. JavaScript: the files that it names in a string, as its imports do. C# compiles all sources
into one assembly, so that a test rests on every helper there is. The press is left out: it takes no part in a run.
"""

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from publish.sources.files import digest
from publish.sources.languages import LANGUAGES, Language, suffix

PROGRAM = re.compile(rf"[\w./-]+(?:{'|'.join(map(re.escape, LANGUAGES))})")
QUOTED = re.compile(rf"""(["'`])({PROGRAM.pattern})\1""")
HOMES_OF_HELPERS = ("harness", "tests")
BUILT = {"bin", "obj"}
PRESS = "publish"

Reads = tuple[list[str], list[str]]  # the paths at which imported modules could lie, and the files that are named


class Files:
    """The files of a repository as they are now, each read once."""

    def __init__(self, root: Path, texts: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.texts: dict[str, str | None] = dict(texts or {})  # those that have been read already
        self.helping: dict[Language, list[str]] = {}

    def text(self, path: str) -> str | None:
        """Return the text of a file; None where there is none."""
        if path not in self.texts:
            file = self.root / path
            self.texts[path] = file.read_text("utf-8", "replace") if file.is_file() else None
        return self.texts[path]

    def closure(self, path: str, beside: str) -> set[str]:
        """Return a file and all that it rests on. What it names may also lie in the folder `beside`."""
        found: set[str] = set()
        ahead = [path]
        while ahead:
            path = ahead.pop()
            text = self.text(path)
            if text is not None and path not in found:
                found.add(path)
                needed = self.needs(PurePosixPath(path), text, beside)
                ahead += [one for one in needed if not one.startswith(f"{PRESS}/")]
        return found

    def needs(self, path: PurePosixPath, text: str, beside: str) -> Iterator[str]:
        """Return what a file may rest on; not all of these paths exist."""
        language = LANGUAGES.get(suffix(path.name))
        uses = language.uses if language else ""
        if language and uses == "all":
            yield from self.helpers(language)
        elif uses == "modules":
            modules, names = python(text, path.parent)
            yield from modules
            yield from (join(base, name) for name in names for base in (".", beside))
            if path.name == "conftest.py" or path.name.startswith("test_"):
                yield from (f"{folder}/conftest.py" for folder in path.parents)
        elif uses == "names":
            names = [match[2] for match in QUOTED.finditer(text)]
            yield from (join(base, name) for name in names for base in (str(path.parent), beside))

    def helpers(self, language: Language) -> list[str]:
        """Return the sources in a language that are no tests, and the projects that compile them."""
        if language in self.helping:
            return self.helping[language]
        found = [file for home in HOMES_OF_HELPERS for file in (self.root / home).rglob(f"*{language.suffix}*")]
        paths = [file.relative_to(self.root) for file in found if not language.is_test(file.name)]
        self.helping[language] = sorted(path.as_posix() for path in paths if not BUILT & set(path.parts))
        return self.helping[language]

    def digest(self, paths: Iterable[str]) -> str:
        """Return one digest of files: of their paths, and of what they hold."""
        return digest("".join(f"{path} {digest(self.text(path) or '')}\n" for path in sorted(paths)))


@functools.cache  # by the text, so that it is never stale: parsing is what takes the time
def python(text: str, folder: PurePosixPath) -> Reads:
    """Take a Python file in a folder apart."""
    modules: list[str] = []
    names: list[str] = []
    try:
        tree = ast.parse(text)
    except SyntaxError:  # then it does not run either
        return modules, names
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            home = [*folder.parts[: len(folder.parts) + 1 - node.level]] if node.level else []
            module = ".".join([*home, *([node.module] if node.module else [])])
            modules += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PROGRAM.fullmatch(node.value):
            names.append(node.value)
    return [module.replace(".", "/") + end for module in modules for end in (".py", "/__init__.py")], names


def join(folder: str, name: str) -> str:
    """Return the path that a name means in a folder, without dots in it."""
    parts: list[str] = []
    for part in PurePosixPath(folder, name).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)
