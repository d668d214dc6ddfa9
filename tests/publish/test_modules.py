"""How the modules of the press lie on its floors, and where CONTRIBUTING says that things are."""

import ast
import functools
import re
import sys

import pytest

from publish.pages.protocol import Part
from publish.parts.table import PARTS
from publish.sources.course import Course
from tests.publish.conftest import ROOT

FLOORS = ("publish.sources", "publish.pages", "publish.parts", "publish")  # each may import from those before it
TABLE = "publish.parts.table"  # handed down from the top
KNOW_MKDOCS = {"publish/generator.py"}
FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "publish").rglob("*.py"))
TOLD = ("publish", "harness", "practice", "benchmarks")  # folders of which CONTRIBUTING names every module


@functools.cache
def imports(path: str) -> set[str]:
    """Return the modules that a file imports, anywhere in it, and what it imports from them."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor(module: str) -> int:
    """Return the floor of a module of the press."""
    return next(at for at, name in enumerate(FLOORS) if module.startswith(f"{name}."))


@pytest.mark.parametrize("path", FILES)
def test_module_imports_only_from_its_own_floor_and_those_below(path: str) -> None:
    own = floor(path.removesuffix(".py").replace("/", "."))
    for module in imports(path):
        if module.startswith("publish."):
            assert floor(module) <= own, f"{path} imports {module}"
            assert own == len(FLOORS) - 1 or not module.startswith(TABLE), (
                f"{path} imports the table, which is handed to it"
            )


def test_no_module_imports_itself_in_a_circle() -> None:
    modules = {path.removesuffix(".py").replace("/", "."): path for path in FILES}
    leads = {
        name: {one for one in modules for goal in imports(path) if f"{goal}.".startswith(f"{one}.")}
        - {"publish", *FLOORS}
        for name, path in modules.items()
    }
    while free := {name for name, goals in leads.items() if not goals & leads.keys()}:
        leads = {name: goals for name, goals in leads.items() if name not in free}
    assert not leads, f"in a circle, or import one: {', '.join(sorted(leads))}"


@pytest.mark.parametrize("path", FILES)
def test_mkdocs_is_known_to_those_who_may(path: str) -> None:
    knows = any(module.split(".")[0] in ("mkdocs", "mermaid2") for module in imports(path))
    assert knows is (path in KNOW_MKDOCS)


@pytest.mark.parametrize("path", FILES)
def test_module_goes_by_its_own_name(path: str) -> None:
    """Where `import x as y` is needed, x says badly what it is."""
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not [alias.name for alias in node.names if alias.asname], f"{path}:{node.lineno}"


def test_every_part_stands_in_the_table_under_a_name_of_its_own() -> None:
    homes = [path for path in FILES if re.search("^PART = ", (ROOT / path).read_text("utf-8"), re.MULTILINE)]
    assert homes == sorted(f"{module.replace('.', '/')}.py" for module in map(module_of, PARTS))
    names = [part.name for part in PARTS if part.name]
    assert len(names) == len(set(names))
    assert not set(names) & Course(ROOT).snippets.examples.keys(), "it would hide an example"


def module_of(part: Part) -> str:
    """Return the module that has a part."""
    return next(name for name, module in sys.modules.items() if getattr(module, "PART", None) is part)


def test_contributing_names_every_module_and_no_other() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Where things are")[2].partition("\n## ")[0]
    named: set[str] = set()
    for cell in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
        folder = ""
        for name in re.findall(r"`([^`]+)`", cell):
            path = name if (ROOT / name).exists() else f"{folder}/{name}"
            folder = path.rstrip("/").rpartition("/")[0]
            assert (ROOT / path).exists(), f"{path} is not there"
            assert path not in named, f"{path} is named twice"
            named.add(path)
            named |= {file.relative_to(ROOT).as_posix() for file in (ROOT / path).rglob("*")}  # of a folder
    code = [path for folder in TOLD for end in ("py", "js", "mjs") for path in (ROOT / folder).rglob(f"*.{end}")]
    there = {path.relative_to(ROOT).as_posix() for path in code if path.name != "__init__.py"}
    assert there - named == set()
