"""What happens when: `::: faults NAME` is what a program does under each condition, `::: faults all` what each does."""

import html
import re
import textwrap
from collections.abc import Iterator

from publish.pages.expand import anchor
from publish.pages.protocol import Part
from publish.parts import cells, conditions, faults
from publish.parts.faults import Cell, Expected
from publish.sources import proofs
from publish.sources.course import Course, once
from publish.sources.files import Fault
from publish.sources.proofs import CELLS

ALL = "all"
SOLUTION = "solution"  # of an exercise: each has one
ANY = 1000  # a count that may be as high says no more than "some"
TEST = "what_happens_when"


def name_of(expected: Expected) -> str:
    """Return the name by which a page includes what is expected of a program."""
    folder, name = expected.program.split("/")[-2:]
    return f"{folder}-{name}" if name == SOLUTION else name.replace("_", "-")


def ids(course: Course) -> list[str]:
    """Return what can be included."""
    return [ALL, *map(name_of, faults.read(course).data)]


def render(course: Course, section: str) -> str:
    """Return what an include line stands for."""
    every = faults.read(course).data
    if section == ALL:
        return by_condition(course, every)
    return of_program(course, next(one for one in every if name_of(one) == section))


def of_program(course: Course, expected: Expected) -> str:
    """Return the table of one program: a row for conditions under which the same happens, a column each operation."""
    titles = conditions.titles(course)
    rows = []
    for names in together(expected):
        told = "<br>".join(titles.get(name, name) for name in names)
        row = head("row", f"{told} {proved(course, expected, names)}", f'id="{place(expected, names[0])}"')
        for operation, call in expected.operations.items():
            row += "\n" + cell(words(expected.cells[names[0]][operation]), call.title)
        rows.append(row)
    heads = [head("col", call.title) for call in expected.operations.values()]
    return "\n\n".join(
        [
            table(expected.name, [head("col", "When"), *heads], rows),
            *own(course, expected),
            *untried(course, expected),
        ]
    )


def head(of: str, words: str, more: str = "") -> str:
    """Return the head of a row or of a column. Roles, since on a phone a table is laid out as cards."""
    role = {"col": "columnheader", "row": "rowheader"}[of]
    return f'<th role="{role}" scope="{of}" {more} markdown="span">{words}</th>'


def cell(words: str, label: str = "") -> str:
    """Return a cell; on a phone its label stands above it."""
    return f'<td role="cell" data-label="{html.escape(label)}" markdown="span">{words}</td>'


def table(name: str, heads: list[str], rows: list[str]) -> str:
    """Return a table."""
    body = "\n".join(f'<tr role="row" markdown="block">\n{row}\n</tr>' for row in rows)
    return f"""<table class="faults" role="table" aria-label="What happens when: {html.escape(name)}" markdown="block">
<thead role="rowgroup" markdown="block">
<tr role="row" markdown="block">
{chr(10).join(heads)}
</tr>
</thead>
<tbody role="rowgroup" markdown="block">
{body}
</tbody>
</table>"""


def by_condition(course: Course, every: list[Expected]) -> str:
    """Return, for each condition, a table of all programs."""
    found = []
    heads = [head("col", "Program"), head("col", "What its callers get")]
    for group in conditions.read(course).data:
        found.append(f"## {group.name}")
        for name, title in group.titles.items():
            tried = [one for one in every if name in one.cells]
            block = textwrap.indent(table(title, heads, [*rows_of(course, tried, name)]), "    ")
            label = f"{len(tried)} program{'s' if len(tried) > 1 else ''}"
            found += [f"### {title}", f'??? abstract "{label}"\n\n{block}']
    return "\n\n".join(found)


def rows_of(course: Course, tried: list[Expected], condition: str) -> Iterator[str]:
    """Yield a row for all programs that do the same under a condition, with the ways to where that is told in full."""
    rows: dict[str, list[str]] = {}
    for one in sorted(tried, key=lambda one: one.page.removesuffix(".md")):
        calls = one.operations.items()
        told = [f"<b>{call.title}:</b> {one.cells[condition][name].says}" for name, call in calls]
        first = next(names[0] for names in together(one) if condition in names)
        link = f"[{one.name}](/{one.page}#{place(one, first)}) {proved(course, one, [condition])}"
        rows.setdefault("<br>".join(told), []).append(f'<span class="faults-program">{link}</span>')
    for text, links in rows.items():
        yield head("row", " ".join(links)) + "\n" + cell(text)


def together(expected: Expected) -> Iterator[list[str]]:
    """Yield the conditions in their order, those together under which a program does the same."""
    seen: list[tuple[object, list[str]]] = []
    for name, told in expected.cells.items():
        same = next((names for other, names in seen if other is told), None)
        if same is None:
            seen.append((told, same := []))
        same.append(name)
    yield from (names for _, names in seen)


def words(cell: Cell) -> str:
    """Return a cell in words: what the caller gets, what is counted, how long it waits at most."""
    counted = [f"{name}: {amount(count)}" for name, count in cell.counts.items()]
    return f"{cell.says} <small>{'; '.join([*counted, f'within {cell.within} s'])}</small>"


def amount(count: range) -> str:
    """Return how often something is counted."""
    if count.stop > ANY:
        return "some"
    return f"{count.start}" if len(count) == 1 else f"{count.start} to {count.stop - 1}"


def place(expected: Expected, condition: str) -> str:
    """Return the anchor of a row."""
    return f"when-{name_of(expected)}-{re.sub(r'[^a-z0-9]+', '-', condition.lower())}"


def proved(course: Course, expected: Expected, names: list[str]) -> str:
    """Return in which languages cells have run, and when, with a link to their test; or that they have not."""
    known = cells.read(course)
    ran: list[str] = []
    left: list[str] = []
    days: set[str] = set()
    for program in course.snippets.examples.get(expected.program, {}).values():
        good = all(known.ran(expected, program, name) for name in names)
        (ran if good else left).append(program.language.label)
        days |= {known.rows[program.path].date} if good else set()
    said = [f"[{', '.join(ran)}: {max(days)}]({proof(course)})"] if ran else []
    said += [f"not run since it changed: {', '.join(left)}"] if left else []
    return f'<small class="faults-proof" data-search-exclude>{"; ".join(said)}</small>'


@once
def proof(course: Course) -> str:
    """Return the address of the test that tries every cell."""
    line = proofs.names(course.tests[CELLS], CELLS).get(TEST, 1)
    return f"/source/{CELLS}.md#{anchor(line)}"


def own(course: Course, expected: Expected) -> Iterator[str]:
    """Return what is otherwise in one language, as a list."""
    titles, lines = conditions.titles(course), []
    for (label, condition), (reason, told) in expected.differs.items():
        gets = "; ".join(f"{expected.operations[name].title}: {cell.says}" for name, cell in told.items())
        lines.append(f"- **{label}**, {titles.get(condition, condition)}: {gets}. {reason}.")
    if lines:
        yield "\n".join(["Where a language differs:", "", *lines])


def untried(course: Course, expected: Expected) -> Iterator[str]:
    """Return under which conditions a program is not tried, and why, as a list."""
    titles = conditions.titles(course)
    why: dict[str, list[str]] = {}
    for name, reason in expected.untried.items():
        why.setdefault(reason, []).append(titles[name])
    if why:
        yield "\n".join(["Not tried:", "", *(f"- {'; '.join(names)}. {reason}" for reason, names in why.items())])


def behind(course: Course) -> Iterator[Fault]:
    """Find the programs of which cells have not run since they changed."""
    left: dict[tuple[str, int], list[str]] = {}
    for expected, program, condition in cells.read(course).left():
        path = f"{faults.FOLDER}/{expected.page.removesuffix('.md')}.yml"
        left.setdefault((path, expected.line), []).append(f"{program.language.label} when {condition}")
    for (path, line), found in left.items():
        said = f"{len(found)} cells have not run since they changed, {found[0]} first"
        yield Fault(path, line, f"{said}; run `make test-full`")


PART = Part(
    "faults",
    ids=ids,
    render=render,
    read=faults.read,
    faults=lambda course: [*conditions.read(course).faults, *cells.read(course).faults],
    behind=behind,
)
