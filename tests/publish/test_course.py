"""The course is read once: no file of it twice in a build, YAML by the fast loader, and its errors in the words of the other."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from publish.pages.check import check
from publish.pages.expand import Expander
from publish.parts.table import PARTS
from publish.sources import nodes
from publish.sources.course import Course, once
from tests.publish.conftest import ROOT, Write, our_site

HOMES = ("docs/", "snippets/", "benchmarks/")  # of what the press reads itself; tests are read for the ledger too


def test_no_file_is_read_twice_in_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: Counter[str] = Counter()
    read_text = Path.read_text

    def counted(self: Path, *arguments: Any, **named: Any) -> str:
        if self.is_relative_to(ROOT):
            reads[self.relative_to(ROOT).as_posix()] += 1
        return read_text(self, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", counted)
    course = Course(ROOT)
    check(course, PARTS)
    expander = Expander(course, PARTS)
    for page in course.pages.values():
        expander.expand(page)
    for part in PARTS:
        part.pages(course, our_site())
    found = {
        path: times for path, times in reads.items() if path.startswith(HOMES) and not path.endswith(".svg")
    }  # an SVG once a place
    assert {*course.pages, *course.data, *(one.path for one in course.snippets.files)} <= found.keys()
    assert {path: times for path, times in found.items() if times > 1} == {}


def test_a_function_is_called_once_for_each_course_and_what_it_is_given(tmp_path: Path) -> None:
    calls = []

    @once
    def doubled(course: Course, number: int) -> int:
        calls.append((course, number))
        return 2 * number

    one, other = Course(tmp_path), Course(tmp_path)
    assert [doubled(course, number) for course in (one, other, one) for number in (1, 2)] == [2, 4] * 3
    assert calls == [(one, 1), (one, 2), (other, 1), (other, 2)]


def test_yaml_is_read_by_the_fast_loader() -> None:
    if not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml here, so it has no fast loader; the slow one reads the same")
    document = nodes.document("a.yml", "a: [1, b]")
    assert document.data == {"a": [1, "b"]}
    assert document.root
    assert type(document.root.start_mark).__module__ == "yaml._yaml"


@pytest.mark.parametrize(
    "text", ["a: 1\nb: [\n", "a: {b\n", "- a\n b: c", "a: *b", "a: \x07", "[a]: b", "a: 'b", "\tb: c", "a\n---\nb"]
)
def test_what_is_wrong_with_yaml_is_said_in_the_words_and_with_the_line_of_the_slow_loader(text: str) -> None:
    [fault] = nodes.document("a.yml", text).faults
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.load(text, yaml.SafeLoader)
    mark = getattr(caught.value, "problem_mark", None)
    said = getattr(caught.value, "problem", None) or str(caught.value).splitlines()[0]
    assert str(fault) == f"a.yml:{mark.line + 1 if mark else 1}: is not valid YAML: {said}"


def test_a_day_that_no_month_has_is_a_fault() -> None:
    assert [str(fault) for fault in nodes.document("a.yml", "a: 2026-02-30").faults] == [
        "a.yml:1: is not valid YAML: day is out of range for month"
    ]


def test_pages_may_not_show_code_that_is_allowed_on_another(write: Write) -> None:
    course = Course(write({"docs/_course/allowed-code.yml": "- {page: docs/a.md, code: make, reason: x}\n"}))
    assert course.allowed == {("docs/a.md", "make")}
