"""What is kept of an earlier build: it is used where nothing has changed, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest

from harness import small_course
from harness.small_course import OTHER, PROGRAM
from publish import generator
from publish.pages.kept import FOLDER, Kept, Record, digest
from publish.parts.table import PARTS
from publish.sources.course import Course

Files = dict[str, bytes]


def build(root: Path) -> Files:
    """Build the course, and return its files by their paths. The sitemap's compressed form holds the time."""
    site = root / "site"
    assert generator.build(Course(root), PARTS, site) == []
    files = (file for file in site.rglob("*") if file.is_file() and file.suffix != ".gz")
    return {file.relative_to(site).as_posix(): file.read_bytes() for file in files}


def records(root: Path) -> list[Path]:
    """Return the files in which pages are kept."""
    return sorted((root / FOLDER / "build").iterdir())


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course."""
    small_course.write(tmp_path)
    return tmp_path


def test_what_was_kept_is_used_and_makes_the_same_site(course: Path) -> None:
    first = build(course)
    assert len(records(course)) == sum(path.endswith(".html") for path in first) - 1  # not of 404.html
    assert build(course) == first
    for file in records(course):
        record = json.loads(file.read_text("utf-8"))
        file.write_text(json.dumps({**record, "html": record["html"].replace("<h1", "<h1 data-kept")}), "utf-8")
    pages = {path: text for path, text in build(course).items() if path.endswith(".html") and path != "404.html"}
    assert [path for path, text in pages.items() if b"data-kept" not in text] == []


def test_templates_are_compiled_once_for_all_builds_of_a_process(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(course)
    compiled, compile = [], jinja2.Environment.compile

    def noted(environment: jinja2.Environment, source: str, name: str | None = None, *rest: Any) -> Any:
        compiled.append(name)
        return compile(environment, source, name, *rest)

    monkeypatch.setattr(jinja2.Environment, "compile", noted)
    (course / OTHER).write_text("# Another\n", "utf-8")
    assert b"Another" in build(course)["other.html"]
    assert not {"main.html", "base.html", "partials/nav.html"} & set(compiled)  # plugins compile some of their own


def test_template_that_has_changed_is_compiled_again() -> None:
    texts, cache = {"page": "one"}, generator.Compiled()

    def rendered() -> str:
        environment = jinja2.Environment(loader=jinja2.DictLoader(texts), bytecode_cache=cache, autoescape=True)
        return environment.get_template("page").render()

    assert rendered() == "one"
    texts["page"] = "two"
    assert (rendered(), rendered()) == ("two", "two")


# what is edited: (its file, what is replaced there, by what)
EDITS = {
    "a page": (OTHER, "# Other", "# Another"),
    "a page's front matter": (OTHER, "# Other", "---\ntitle: Else\n---\n\n# Other"),
    "a program": (PROGRAM, "third = 3", "third = 4"),
    "a test": ("tests/shop/test_get.py", "\n    pass", "\n\n    pass"),
    "the navigation": ("mkdocs.yml", "Other: other.md", "Else: other.md"),
    "the configuration": ("mkdocs.yml", "site_name: ", "site_name: New "),
}


@pytest.mark.parametrize("name", EDITS)
def test_edit_makes_the_site_that_a_first_build_makes(course: Path, name: str) -> None:
    path, old, new = EDITS[name]
    before = build(course)
    text = (course / path).read_text("utf-8")
    assert old in text
    (course / path).write_text(text.replace(old, new, 1), "utf-8")
    small_course.prove(course)
    edited = build(course)
    assert edited != before
    for file in records(course):
        file.unlink()
    assert build(course) == edited


def test_page_without_a_title_in_the_navigation_is_refused(course: Path) -> None:
    """It would stand in the navigation of all pages, and these are kept."""
    config = course / "mkdocs.yml"
    config.write_text(config.read_text("utf-8").replace("Other: other.md", "other.md"), "utf-8")
    said = "mkdocs.yml:1: the navigation names other.md without a title; write `Title: other.md`"
    assert [str(fault) for fault in generator.build(Course(course), PARTS, course / "site")] == [said]


def test_page_whose_link_lost_its_goal_is_refused_although_it_is_the_same(course: Path) -> None:
    (course / OTHER).write_text("# Other\n\n[A file](file.txt)\n", "utf-8")
    (course / "docs/file.txt").touch()
    build(course)
    (course / "docs/file.txt").unlink()
    faults = generator.build(Course(course), PARTS, course / "site")
    assert [str(fault).partition(", but")[0] for fault in faults] == [
        f"{OTHER}:3: Doc file 'other.md' contains a link 'file.txt'"
    ]


def test_record_that_cannot_be_read_is_made_again(course: Path) -> None:
    first = build(course)
    for file, damaged in zip(records(course), ("", "{", "[1]", "null", '{"html": 1}'), strict=False):
        file.write_text(damaged, "utf-8")
    assert build(course) == first


def test_what_a_build_has_not_used_is_forgotten(course: Path) -> None:
    build(course)
    before = set(records(course))
    (course / OTHER).write_text("# Another\n", "utf-8")
    build(course)
    after = set(records(course))
    assert (len(before - after), len(after - before)) == (1, 1)


def test_what_was_served_on_one_port_is_used_on_another(course: Path) -> None:
    kept = []
    for port in (8000, 8001):
        assert generator.build(Course(course), PARTS, course / "site", f"http://127.0.0.1:{port}/") == []
        kept.append(sorted(file.name for file in (course / FOLDER / "serve").iterdir()))
    assert kept[0] == kept[1] != []


def test_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = Kept(tmp_path / "file")
    kept.put(digest("a"), Record("x", []))
    kept.forget_unused()
    assert kept.get(digest("a")) is None
