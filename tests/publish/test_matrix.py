"""The pattern matrix: every fault that its data can have, what it becomes, and the course's own."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from publish.parts import matrix
from publish.sources.course import Course
from tests.publish.conftest import ROOT, check, html

DATA = """\
columns:
  - { id: cost, title: Cost & more, up: cheapest first, down: dearest first }
  - { id: best, title: Best for }
patterns:
  - name: Aside
    page: aside.md
    cost: { rank: 2, text: "2: [it reads](proof:it_reads)." }
    best:
      text: Reads.
  - name: Behind
    page: behind.md#use
    cost: { rank: 1, text: "1, to `Redis`." }
    best: { text: Writes. }
"""
SOUND = {
    matrix.DATA: DATA,
    "docs/aside.md": "# Aside\n",
    "docs/behind.md": "# Behind\n\n## Use\n\n::: patterns matrix\n",
    "snippets/shop/get.py": '"""Get."""\n',
    "tests/shop/test_get.py": "def test_it_reads() -> None:\n",
}
MORE = "  - name: Aside\n    page: aside.md\n    cost: { rank: 1, text: x }\n    best: { text: x }\n"

# name: (what is replaced in the data, by what, the line and the words of the fault)
BAD: dict[str, tuple[str, str, str]] = {
    "missing cell": ("    best: { text: Writes. }\n", "", "10: a pattern lacks best"),
    "cell of no column": ("    best: { text: Writes. }\n", "    best: { text: Writes. }\n    worst: { text: x }\n", "14: a pattern has a field worst"),
    "cell twice": ("    best: { text: Writes. }\n", "    best: { text: Writes. }\n    best: { text: x }\n", "14: a pattern has best twice"),
    "cell that is only text": ("best: { text: Writes. }", "best: Writes.", "13: best has no fields"),
    "missing text": ("{ text: Writes. }", "{ }", "13: best lacks text"),
    "empty text": ("text: Reads.", "text:", "9: text is empty"),
    "text that is a list": ("text: Reads.", "text: [Reads]", "9: text is no text"),
    "rank of many digits": ("rank: 1,", f"rank: '{'9' * 5000}',", "12: a rank is a whole number from 1 on, not 999"),
    "missing rank": ('{ rank: 1, text: "1', '{ text: "1', "12: cost lacks rank"),
    "rank in a column that does not sort": ("{ text: Writes. }", "{ rank: 1, text: Writes. }", "13: best has a field rank"),
    "rank that is no number": ("rank: 1", "rank: low", "12: a rank is a whole number from 1 on, not low"),
    "rank zero": ("rank: 1", "rank: 0", "12: a rank is a whole number from 1 on, not 0"),
    "negative rank": ("rank: 1", "rank: -1", "12: a rank is a whole number from 1 on, not -1"),
    "page that does not exist": ("page: aside.md", "page: gone.md", "6: docs/gone.md does not exist"),
    "anchor that does not exist": ("#use", "#used", "11: docs/behind.md has no heading with the anchor used"),
    "missing name": ("name: Behind\n    page", "page", "10: a pattern lacks name"),
    "empty name": ("name: Behind", "name:", "10: name is empty"),
    "same pattern twice": ("patterns:\n", "patterns:\n" + MORE, "9: Aside stands here twice"),
    "column without a title": ("id: best, title: Best for", "id: best", "3: a column lacks title"),
    "column with an unknown field": ("title: Best for", "title: Best for, sort: true", "3: a column has a field sort"),
    "column that sorts in one direction": (", down: dearest first", "", "2: a column that sorts says how in both directions"),
    "column id twice": ("id: best, ", "id: cost, ", "3: the id cost is taken"),
    "column id of ours": ("id: best, ", "id: page, ", "3: the id page is taken"),
    "columns that are no list": (DATA, "columns: 3\npatterns: []\n", "1: columns is no list"),
    "patterns that are no list": (DATA, "columns: []\npatterns: 3\n", "2: patterns is no list"),
    "no patterns": (DATA, "columns: []\n", "1: the matrix lacks patterns"),
    "unknown part": ("columns:\n", "rows: []\ncolumns:\n", "1: the matrix has a field rows"),
    "data that is a list": (DATA, "- a\n", "1: the matrix has no fields"),
    "empty data": (DATA, "# nothing\n", "1: is empty"),
    "broken YAML": ("{ text: Writes. }", "{ text: Writes.", "14: is not valid YAML"),
    "unknown proof": ("proof:it_reads", "proof:it_writes", "7: no test is called it_writes"),
    "code of its own": ("text: Reads.", "text: <pre>x</pre>", "9: is HTML code that no test has run"),
}  # fmt: skip


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course with a sound matrix."""
    for path, text in SOUND.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    return tmp_path


def test_sound_matrix_has_no_faults(course: Path) -> None:
    assert check(course) == []


def test_no_matrix_is_no_fault(course: Path) -> None:
    (course / matrix.DATA).unlink()
    assert matrix.PART.check(Course(course)) == []


@pytest.mark.parametrize("name", BAD)
def test_bad_matrix_is_refused_with_file_and_line(course: Path, name: str) -> None:
    old, new, expected = BAD[name]
    assert old in DATA
    (course / matrix.DATA).write_text(DATA.replace(old, new, 1), "utf-8")
    faults = [*map(str, matrix.PART.check(Course(course)))] or check(course)
    assert any(fault.startswith(f"{matrix.DATA}:{expected}") for fault in faults), faults


@pytest.mark.parametrize("shape", ["5", "[]", "{}", "columns:", "columns: [a]\npatterns: [a]", "? [a]\n: b"])
def test_yaml_of_any_shape_is_refused_in_words(course: Path, shape: str) -> None:
    (course / matrix.DATA).write_text(shape, "utf-8")
    faults = matrix.PART.check(Course(course))
    assert faults
    assert all(fault.path == matrix.DATA and fault.line in (1, 2) for fault in faults)


def test_unknown_part_of_the_matrix_is_refused(course: Path) -> None:
    (course / "docs/aside.md").write_text("# Aside\n\n::: patterns table\n", "utf-8")
    assert check(course) == ["docs/aside.md:3: patterns has no table; it has matrix"]


# Rendering


def table(root: Path) -> Tag:
    """Return the table as a page shows it."""
    found = BeautifulSoup(html(root, "::: patterns matrix\n"), "html.parser").select_one("table.matrix")
    assert found
    return found


def test_rows_and_cells_stand_as_in_the_data(course: Path) -> None:
    found = table(course)
    assert [head.get_text() for head in found.select("thead th")] == ["Pattern", "Cost & more", "Best for"]
    assert [[head.get(f"data-{way}") for way in ("up", "down")] for head in found.select("thead th")][1:] == [
        ["cheapest first", "dearest first"],
        [None, None],
    ]
    assert [head.get_text() for head in found.select("[aria-sort=ascending]")] == ["Pattern"]
    names = found.select("tbody > tr > th[scope=row] > a")
    assert [(name.get_text(), name["href"]) for name in names] == [
        ("Aside", "../aside.html"),
        ("Behind", "../behind.html#use"),
    ]
    assert [row["data-rank"] for row in found.select("tbody > tr > [data-rank]:nth-child(2)")] == ["2", "1"]
    assert [cell["data-label"] for cell in found.select("td")] == ["Cost & more", "Best for"] * 2
    assert found.select("tbody tr:first-child td button.proof")
    assert found.select_one("tr:nth-child(2) td code")
    assert not found.select("p, td td")


# The course's own matrix

OWN = matrix.read(Course(ROOT)).data
ASKED = {"Read latency", "Write latency", "Consistency", "Complexity", "Best for", "A process dies", "Cold start", "Redis is down"}  # fmt: skip


def test_the_matrix_has_six_patterns_and_all_that_is_asked_of_them() -> None:
    assert [row.page.removeprefix("patterns/") for row in OWN.rows] == [
        f"{name}.md"
        for name in ("cache-aside", "read-through", "write-through", "write-behind", "refresh-ahead", "stampede")
    ]
    assert {column.title for column in OWN.columns} == ASKED
    found = table(ROOT)
    assert len(found.select("tbody td")) == 6 * 8
    assert all(cell.get_text().strip() for cell in found.select("tbody td"))


def test_latency_is_told_in_round_trips() -> None:
    for row in OWN.rows:
        for name in ("reads", "writes"):
            assert re.search(r"\d", row.cells[name].text), (row.name, name)


def test_what_is_one_round_trip_ranks_before_what_is_two() -> None:
    trips = {row.name: int(re.search(r"\d", row.cells["writes"].text)[0]) for row in OWN.rows}  # type: ignore[index]
    ranks = {row.name: int(row.cells["writes"].rank) for row in OWN.rows}
    assert all(ranks[one] < ranks[other] for one in trips for other in trips if trips[one] < trips[other])
