"""What a test rests on: its own file, and the files of this repository that it imports or names, step by step.

Python: what it imports, the programs that it names in a string, and the conftest.py of each folder above it, whose
fixtures need no import. JavaScript: the files that it names in a string, as its imports do. C# compiles all sources
into one assembly, so that a test rests on every helper there is, and on the programs whose types it names. The press
takes no part in a run, and is left out but for what the ledger names. Comments and docstrings of Python's helpers and
tests are no part of a digest.
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
PROJECT = (".props", ".targets")  # what all projects below a folder are compiled with
STYLE = ".editorconfig"  # a breach of it stops the build
BUILT = {"bin", "obj"}
DRIVEN = ("tests/faults/", "harness/csharp/Drive/")  # in a project of their own, which no other test sees
PRESS, PROGRAMS, PRACTICE = "publish", "snippets", "practice"
DECLARED = re.compile(r"^(?:(?:public|internal|static|sealed|abstract|partial|readonly|file) )*"
                      r"(?:class|struct|interface|enum|record(?: class| struct)?) (\w+)", re.MULTILINE)  # fmt: skip
WORD = re.compile(r"\b[A-Z]\w*\b")
REMARK = re.compile(  # a comment in Python, with the strings that may hold the sign of one
    r'''(?P<q>"""|\'{3})(?:\\.|(?!(?P=q)).)*(?P=q)|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''''
    r"|^[ \t]*\#[^\n]*\n|[ \t]*\#[^\n]*", re.MULTILINE | re.DOTALL)  # fmt: skip

Reads = tuple[list[str], list[str]]  # the paths at which imported modules could lie, and the files that are named


class Files:
    """The files of a repository as they are now, each read once."""

    def __init__(self, root: Path, texts: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.texts: dict[str, str | None] = dict(texts or {})  # those that have been read already
        self.helping: dict[Language, list[str]] = {}
        self.declaring: dict[Language, dict[str, list[str]]] = {}

    def text(self, path: str) -> str | None:
        """Return the text of a file; None where there is none."""
        if path not in self.texts:
            file = self.root / path
            self.texts[path] = file.read_text("utf-8", "replace") if file.is_file() else None
        return self.texts[path]

    def closure(self, path: str, beside: str) -> set[str]:
        """Return a file and all that it rests on. What it names may also lie in `beside`, the folder of a program,
        or in the folder of that exercise's checks."""
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
        homes = (beside, beside.replace(PROGRAMS, PRACTICE, 1))
        if language and uses == "all":
            yield from self.helpers(language)
            if not path.is_relative_to(PROGRAMS):  # a program uses no other
                declared = self.declared(language)
                yield from (file for name in set(WORD.findall(text)) for file in declared.get(name, ()))
        elif uses == "modules":
            modules, names = python(text, path.parent)
            yield from modules
            yield from (join(base, name) for name in names for base in (".", *homes))
            if path.name == "conftest.py" or path.name.startswith("test_"):
                yield from (f"{folder}/{name}.py" for folder in path.parents for name in ("conftest", "__init__"))
        elif uses == "names":
            names = [match[2] for match in QUOTED.finditer(text)]
            yield from (join(base, name) for name in names for base in (str(path.parent), *homes))

    def helpers(self, language: Language) -> list[str]:
        """Return the sources in a language that are no tests, and the projects that compile them."""
        if language in self.helping:
            return self.helping[language]
        wanted = [f"*{language.suffix}*", *(f"*{end}" for end in PROJECT)]
        found = {file for home in HOMES_OF_HELPERS for name in wanted for file in (self.root / home).rglob(name)}
        paths = [file.relative_to(self.root) for file in found if not language.is_test(file.name)]
        helpers = sorted(path.as_posix() for path in paths if not BUILT & set(path.parts))
        self.helping[language] = [*(path for path in helpers if not path.startswith(DRIVEN)), STYLE]
        return self.helping[language]

    def declared(self, language: Language) -> dict[str, list[str]]:
        """Return by name the programs that declare a type."""
        if language not in self.declaring:
            found = self.declaring.setdefault(language, {})
            for file in sorted((self.root / PROGRAMS).rglob(f"*{language.suffix}")):
                path = file.relative_to(self.root).as_posix()
                for name in DECLARED.findall(self.text(path) or ""):
                    found.setdefault(name, []).append(path)
        return self.declaring[language]

    def digest(self, paths: Iterable[str], more: str = "") -> str:
        """Return one digest of files, of their paths and of what they hold, and of `more`."""
        return digest("".join(f"{path} {digest(self.code(path))}\n" for path in sorted(paths)) + more)

    def code(self, path: str) -> str:
        """Return what of a file counts: all of a program, the code of what runs it."""
        text = self.text(path) or ""
        runs = LANGUAGES.get(suffix(path.rpartition("/")[2]))
        return code(text) if runs and runs.uses == "modules" and not path.startswith(f"{PROGRAMS}/") else text


@functools.cache  # by the text, so that it is never stale: parsing is what takes the time
def parsed(text: str) -> ast.Module | None:
    """Return the tree of a Python file; None of one that does not run either."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


@functools.cache
def code(text: str) -> str:
    """Return a Python file without its comments and docstrings."""
    lines, tree = text.split("\n"), parsed(text)
    for first in reversed([*docstrings(tree)] if tree else []):
        end = first.end_lineno or first.lineno
        beside = lines[first.lineno - 1].encode()[: first.col_offset] + lines[end - 1].encode()[first.end_col_offset :]
        if not beside.strip():  # else there is code on its lines
            del lines[first.lineno - 1 : end]
    return REMARK.sub(lambda match: "" if is_comment(match[0]) else match[0], "\n".join(lines))


def is_comment(text: str) -> bool:
    """Tell whether a string or a comment of Python is a comment, and not one that says how the file is encoded."""
    return text.lstrip().startswith("#") and "coding" not in text


def docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.Expr]:
    """Return the docstring of a module, and those of its classes and functions."""
    for at, one in enumerate(node.body):
        if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from docstrings(one)
        elif at == 0 and isinstance(one, ast.Expr) and isinstance(getattr(one.value, "value", None), str):
            yield one


@functools.cache
def python(text: str, folder: PurePosixPath) -> Reads:
    """Take a Python file in a folder apart."""
    modules: list[str] = []
    names: list[str] = []
    for node in ast.walk(tree) if (tree := parsed(text)) else ():
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
