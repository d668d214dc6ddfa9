"""What happens when: every fault that its data can have, what it becomes, and what of it has to run again."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from publish.parts import cells, conditions, faults, faults_page
from publish.sources.course import Course
from publish.sources.proofs import CELLS
from tests.publish.conftest import ROOT, check, html

DATA = f"{faults.FOLDER}/get.yml"
MADE = """\
- group: Redis
  conditions:
    killed: Redis is killed
    frozen: Redis is frozen
- group: Cluster
  unless: It is for one server.
  conditions:
    failover: A failover
"""
EXPECTED = """\
- program: shop/get
  name: Getting
  setup: |
    CREATE TABLE a (b TEXT);
  key: cache:a
  before: { do: read, with: ["1"], gets: a }
  after: { do: read, with: ["1"], gets: a }
  operations:
    hit: { title: a read, do: read, with: ["1"] }
    write: { title: a write, do: write, with: ["1", b] }
  cells:
    killed:
      hit: { says: "the row & more", gets: a, counts: { errors: 1 to 2 }, within: 3 }
      write: { says: "an error", raises: refused, within: 2 }
    frozen: killed
  differs:
    - in: Python
      condition: frozen
      reason: it waits
      cells:
        hit: { says: "the row", gets: a, within: 9 }
"""
ADAPTER = "tests/faults/shop/get.py"
HOW = """\
def killed(world): world.kill()
def frozen(world): stop(world)
def stop(world): world.stop()
LATE = 1
CONDITIONS = [Condition("killed", killed), Condition("frozen", frozen)]
"""
SOUND = {
    conditions.FILE: MADE,
    DATA: EXPECTED,
    "docs/get.md": "# Get\n\n::: faults get\n\n::: faults all\n",
    "snippets/shop/get.py": '"""Get."""\n',
    ADAPTER: "READ = 1\n",
    "tests/faults/again.py": "AGAIN = 1\n",
    CELLS: "import harness.faults.drive\n\n\ndef test_what_happens_when() -> None: pass\n",
    "harness/faults/drive.py": "WAIT = 1\n",
    "harness/faults/driver.py": "LOADS = 1\n",
    cells.CONDITIONS: HOW,
}

# name: (what is replaced, by what, the line and the words of the fault); in the expectations, and in the conditions
BAD: dict[str, tuple[str, str, str]] = {
    "program that does not exist": ("shop/get", "shop/put", "1: snippets/shop/put.* does not exist"),
    "no cell for an operation": ('      write: { says: "an error", raises: refused, within: 2 }\n', "", "13: killed lacks write"),
    "cell of no operation": ("      write: { says", "      put: { says", "14: there is no operation put; there is hit, write"),
    "answer and error": ("raises: refused", "gets: a, raises: refused", "14: a caller gets an answer or an error, not both"),
    "count in words": ("1 to 2", "few", "13: a count is a number, or LEAST to MOST"),
    "no bound": (", within: 2 }", " }", "14: a cell lacks within"),
    "condition like one without cells": ("frozen: killed", "frozen: late", "15: late has no cells of its own"),
    "condition that nobody knows": ("    frozen: killed", "    molten: killed", "15: there is no condition molten"),
    "condition left out": ("    frozen: killed\n", "", "1: says nothing of frozen"),
    "difference under no condition": ("condition: frozen", "condition: molten", "17: there is no condition molten"),
    "difference in no language": ("in: Python", "in: Rust", "17: there is no language Rust"),
    "broken YAML": ("within: 9 }", "within: 9", "22: is not valid YAML"),
}  # fmt: skip
BAD_CONDITIONS: dict[str, tuple[str, str, str]] = {
    "condition twice": ("failover: A", "killed: A", "8: killed stands here twice"),
    "no title": ("killed: Redis is killed", "killed:", "3: killed is empty"),
    "group without conditions": ("  conditions:\n    failover: A failover\n", "", "5: a group lacks conditions"),
}


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course with one program under faults."""
    for path, text in SOUND.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    return tmp_path


def test_sound_expectations_have_no_faults(course: Path) -> None:
    assert check(course) == []


@pytest.mark.parametrize("name", BAD)
def test_bad_expectations_are_refused_with_file_and_line(course: Path, name: str) -> None:
    old, new, expected = BAD[name]
    assert old in EXPECTED
    (course / DATA).write_text(EXPECTED.replace(old, new, 1), "utf-8")
    found = check(course)
    assert any(fault.startswith(f"{DATA}:{expected}") for fault in found), found


@pytest.mark.parametrize("name", BAD_CONDITIONS)
def test_bad_conditions_are_refused_with_file_and_line(course: Path, name: str) -> None:
    old, new, expected = BAD_CONDITIONS[name]
    assert old in MADE
    (course / conditions.FILE).write_text(MADE.replace(old, new, 1), "utf-8")
    found = check(course)
    assert any(fault.startswith(f"{conditions.FILE}:{expected}") for fault in found), found


def test_reasons_stand_for_cells(course: Path) -> None:
    (course / DATA).write_text(
        EXPECTED.replace("    frozen: killed\n", "  untried:\n    frozen: Nobody waits.\n").split("  differs")[0]
    )
    assert check(course) == []
    said = BeautifulSoup(html(course, "::: faults get"), "html.parser").text
    assert "Redis is frozen. Nobody waits." in said
    assert "A failover. It is for one server." in said


def test_program_has_a_row_for_conditions_that_are_alike(course: Path) -> None:
    page = BeautifulSoup(html(course, "::: faults get"), "html.parser")
    [row] = page.select("tbody tr")
    assert [re.sub(r"\s+", " ", one.text).strip() for one in row.select("th, td")] == [
        "Redis is killedRedis is frozen not run since it changed: Python",
        "the row & more errors: 1 to 2; within 3 s",
        "an error within 2 s",
    ]
    assert "Python, Redis is frozen: a read: the row. it waits." in re.sub(r"\s+", " ", page.text)


def test_reference_leads_to_the_row_of_the_program(course: Path) -> None:
    page = BeautifulSoup(html(course, "::: faults get\n\n::: faults all"), "html.parser")
    links = [link["href"] for link in page.select(".faults-program a")]
    assert links == ["../get.html#when-get-killed"] * 2
    assert page.select_one("#when-get-killed")


def ran(course: Path) -> None:
    """Write down that every cell has run."""
    known = cells.read(Course(course))
    told = {name: known.digest(expected, program, name) for expected, program, name in known.all()}
    cells.save(course, {"snippets/shop/get.py": cells.Row("snippets/shop/get.py", "2026-11-28", "8.2.3", told)})


def left(course: Path) -> list[str]:
    """Return the conditions that have to run again."""
    return [name for _, _, name in cells.read(Course(course)).left()]


RESTS: dict[str, tuple[str, str, str, list[str]]] = {
    "program": ("snippets/shop/get.py", "Get.", "Gets.", ["killed", "frozen"]),
    "adapter": (ADAPTER, "READ = 1", "READ = 2", ["killed", "frozen"]),
    "what adapters share": ("tests/faults/again.py", "AGAIN = 1", "AGAIN = 2", ["killed", "frozen"]),
    "test": (CELLS, "None: pass", "None: assert 1", ["killed", "frozen"]),
    "what drives": ("harness/faults/driver.py", "LOADS = 1", "LOADS = 2", ["killed", "frozen"]),
    "what the test imports": ("harness/faults/drive.py", "WAIT = 1", "WAIT = 2", ["killed", "frozen"]),
    "a constant of the conditions": (cells.CONDITIONS, "LATE = 1", "LATE = 2", ["killed", "frozen"]),
    "how one condition is made": (cells.CONDITIONS, "world.kill()", "world.end()", ["killed"]),
    "what that uses": (cells.CONDITIONS, "world.stop()", "world.halt()", ["frozen"]),
    "its entry": (cells.CONDITIONS, '"frozen", frozen', '"frozen", frozen, 50', ["frozen"]),
    "what is expected in one language": (DATA, "within: 9", "within: 8", ["frozen"]),
    "what is expected": (DATA, "raises: refused", "raises: closed", ["killed", "frozen"]),
    "the database": (DATA, "b TEXT", "c TEXT", ["killed", "frozen"]),
    "an operation": (DATA, '"1", b', '"1", c', ["killed", "frozen"]),
    "words": (DATA, "the row & more", "the row, and more", []),
    "a remark": (cells.CONDITIONS, "LATE = 1", "LATE = 1  # second", []),
}


@pytest.mark.parametrize("name", RESTS)
def test_what_a_cell_rests_on_lets_it_run_again(course: Path, name: str) -> None:
    ran(course)
    assert left(course) == []
    path, old, new, again = RESTS[name]
    text = (course / path).read_text("utf-8")
    assert old in text
    (course / path).write_text(text.replace(old, new, 1), "utf-8")
    assert left(course) == again


def test_cell_without_its_record_stops_a_strict_build_and_no_other(course: Path) -> None:
    said = [fault for fault in check(course, strict=True) if fault.startswith(DATA)]
    assert said == [
        f"{DATA}:1: 2 cells have not run since they changed, Python when killed first; run `make test-full`"
    ]
    assert not [fault for fault in check(course) if fault.startswith(DATA)]
    ran(course)
    assert not [fault for fault in check(course, strict=True) if fault.startswith(DATA)]
    assert "Python: 2026-11-28" in html(course, "::: faults get")


@pytest.mark.parametrize(
    "line", ["{}", "not json", "[]", '{"path": "a", "date": "b", "server": "c", "cells": {}, "seal": "x"}']
)
def test_line_that_the_tests_have_not_written_is_refused(course: Path, line: str) -> None:
    (course / cells.FILE).write_text(line + "\n", "utf-8")
    assert f"{cells.FILE}:1: is no row that the tests have written; delete the line, then run `make test`" in check(
        course
    )


def test_every_page_with_expectations_shows_them() -> None:
    course = Course(ROOT)
    for one in faults.read(course).data:
        assert f"::: faults {faults_page.name_of(one)}" in course.pages[f"docs/{one.page}"], one.page
