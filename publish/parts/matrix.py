"""The pattern matrix: one table of the patterns, read from docs/_course/patterns.yml."""

import html
from dataclasses import dataclass

from yaml.nodes import Node

from publish.pages.protocol import Part
from publish.sources.course import Course, once
from publish.sources.headings import page_problem
from publish.sources.nodes import Read, Reader, short, whole

DATA = "docs/_course/patterns.yml"


@dataclass(frozen=True)
class Column:
    """A column. `up` and `down` say in words how its ranks sort; both are empty where it does not sort."""

    id: str
    title: str
    up: str
    down: str


@dataclass(frozen=True)
class Cell:
    """A text and its rank in the column, 1 first; rank "" where the column does not sort."""

    text: str
    rank: str


@dataclass(frozen=True)
class Row:
    """A pattern: its name, its page, a cell for each column."""

    name: str
    page: str
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Matrix:
    """All of it. `by` is the head of the column of names."""

    columns: list[Column]
    rows: list[Row]


@once
def read(course: Course) -> Read[Matrix]:
    """Read the matrix, and find what is wrong in it."""
    reader = Reader(course.yaml(DATA))
    found = reader.fields(reader.root, "the matrix", ("columns", "patterns"))
    columns: list[Column] = []
    for node in reader.items(found.get("columns"), "columns"):
        columns.append(column(reader, node))
        if columns[-1].id in ("name", "page", *(one.id for one in columns[:-1])):
            reader.wrong(node, f"the id {columns[-1].id} is taken; choose another")
    if reader.faults:
        return reader.made(Matrix([], []))
    rows: list[Row] = []
    for node in reader.items(found.get("patterns"), "patterns"):
        one = row(reader, course, columns, node)
        if one.name and one.name in [other.name for other in rows]:
            reader.wrong(node, f"{one.name} stands here twice; remove one")
        rows.append(one)
    return reader.made(Matrix(columns, rows))


def column(reader: Reader, node: Node) -> Column:
    """Read a column."""
    found = reader.fields(node, "a column", ("id", "title"), ("id", "title", "up", "down"))
    if len({"up", "down"} & found.keys()) == 1:
        reader.wrong(node, "a column that sorts says how in both directions: up and down")
    return Column(*(reader.text(found.get(name), name) for name in ("id", "title", "up", "down")))


def row(reader: Reader, course: Course, columns: list[Column], node: Node) -> Row:
    """Read a pattern."""
    found = reader.fields(node, "a pattern", ("name", "page", *(one.id for one in columns)))
    page = reader.text(found.get("page"), "page")
    if page and (problem := page_problem(course, page)):
        reader.wrong(found["page"], problem)
    cells = {one.id: cell(reader, one, found[one.id]) for one in columns if one.id in found}
    return Row(reader.text(found.get("name"), "name"), page, cells)


def cell(reader: Reader, of: Column, node: Node) -> Cell:
    """Read a cell: a text, with its rank where the column sorts."""
    found = reader.fields(node, of.id, ("rank", "text") if of.up else ("text",))
    rank = reader.text(found.get("rank"), "rank")
    if rank and not whole(rank):
        reader.wrong(found["rank"], f"a rank is a whole number from 1 on, not {short(rank)}")
    return Cell(reader.markdown(found.get("text"), "text"), rank)


def render(course: Course, _: str) -> str:
    """Return what the line `::: patterns matrix` stands for. Roles, since on a phone the table is laid out as cards."""
    matrix = read(course).data
    first = head("Pattern", "in the order of the course", "in the reverse order of the course")
    heads = [first.replace("<th", '<th aria-sort="ascending"', 1)]  # as it comes
    heads += [head(one.title, one.up, one.down) for one in matrix.columns]
    rows = "\n".join(line(matrix, row, place) for place, row in enumerate(matrix.rows, 1))
    return f"""<p class="matrix-sorted" role="status" data-search-exclude=""></p>
<table class="matrix" role="table" aria-label="{len(matrix.rows)} patterns side by side" markdown="block">
<thead role="rowgroup">
<tr role="row">{"".join(heads)}</tr>
</thead>
<tbody role="rowgroup" markdown="block">
{rows}
</tbody>
</table>"""


def head(title: str, up: str, down: str) -> str:
    """Return the head of a column; the script makes a button of one that sorts."""
    if not up:
        return f'<th role="columnheader" scope="col">{html.escape(title)}</th>'
    sorts = f'data-up="{html.escape(up)}" data-down="{html.escape(down)}"'
    return f'<th role="columnheader" scope="col" {sorts}><span class="matrix-head">{html.escape(title)}</span></th>'


def line(matrix: Matrix, row: Row, place: int) -> str:
    """Return the row of a pattern."""
    cells = "\n".join(
        f'<td role="cell" data-rank="{row.cells[one.id].rank}" data-label="{html.escape(one.title)}" '
        f'markdown="span">{row.cells[one.id].text}</td>'
        for one in matrix.columns
    )
    name = f'<th role="rowheader" scope="row" data-rank="{place}" markdown="span">[{row.name}](/{row.page})</th>'
    return f'<tr role="row" markdown="block">\n{name}\n{cells}\n</tr>'


PART = Part("patterns", ("matrix",), render=render, read=read)
