"""What MkDocs has against its configuration, told as a fault of ours; and what it may tell a search engine."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness import small_course
from publish import generator
from publish.parts.table import PARTS
from publish.sources.course import Course

NAME = "site_name: A\n"

# name: (a configuration, where and what the build must say)
BAD: dict[str, tuple[str | bytes, str]] = {
    "broken YAML": (NAME + "nav: [\n  a\n", ":4: MkDocs encountered an error parsing the configuration file: while parsing"),
    "control character": (NAME + "nav: \x07\n", ":2: MkDocs encountered an error parsing the configuration file: unacceptable"),
    "unknown tag": (NAME + "nav: !!python/name:nope.x ''\n", ":2: MkDocs encountered an error parsing the configuration file: "),
    "value that is none": (NAME + "nav: !!timestamp soon\n", ":1: cannot be read: AttributeError"),
    "not UTF-8": (b"site_name: A\n# \xe9\n", ":2: is not UTF-8; save it as UTF-8"),
    "list": ("- a\n", ":1: The configuration is invalid. Expected a key-value mapping"),
    "no name": ("docs_dir: docs\n", ":1: Config value 'site_name': Required configuration not provided."),
    "unknown option": (NAME + "nam: A\n", ":2: Config value 'nam': Unrecognised configuration name: nam"),
    "unknown plugin": (NAME + "plugins:\n  - nope\n", ":2: Config value 'plugins': The \"nope\" plugin is not installed"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_configuration_is_one_fault_with_its_line(tmp_path: Path, name: str) -> None:
    text, expected = BAD[name]
    (tmp_path / "docs").mkdir()
    (tmp_path / generator.CONFIG).write_bytes(text if isinstance(text, bytes) else text.encode())
    (fault,) = map(str, generator.build(Course(tmp_path), (), tmp_path / "site"))
    assert fault.startswith(f"{generator.CONFIG}{expected}")
    assert "\n" not in fault and str(tmp_path) not in fault


def test_missing_configuration_is_a_fault(tmp_path: Path) -> None:
    (fault,) = map(str, generator.build(Course(tmp_path), (), tmp_path / "site"))
    assert fault == "mkdocs.yml:1: cannot be read: No such file or directory"


def test_sitemap_has_the_pages_and_no_listings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_course.write(tmp_path)
    monkeypatch.setenv("SITE_URL", "https://course.example/")
    assert generator.build(Course(tmp_path), PARTS, tmp_path / "site") == []
    assert (tmp_path / f"site/source/{small_course.PROGRAM}.html").exists()
    listed = ElementTree.parse(tmp_path / "site/sitemap.xml").iterfind("{*}url/{*}loc")
    assert {str(entry.text).removeprefix("https://course.example/") for entry in listed} == {
        "index.html",
        "other.html",
        "snippets/index.html",
    }
