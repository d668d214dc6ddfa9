"""The benchmark's figures on a page: the table, and `{bench ROW/VARIANT}` in a sentence. None is typed anywhere."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from publish.pages.protocol import Part
from publish.sources.course import Course, once
from publish.sources.files import Fault
from publish.sources.nodes import Read

RESULTS = "benchmarks/results.json"
FIGURE = re.compile(r"\{bench (?P<row>[\w-]+)/(?P<variant>[^{}]+)\}")


@dataclass(frozen=True)
class Measured:
    """What was measured of a variant: its figure, the bounds of all samples and of their middle half, how many."""

    figure: float
    least: float
    low: float
    high: float
    most: float
    samples: int

    def __str__(self) -> str:
        return short(self.figure)


@dataclass(frozen=True)
class Row:
    """What was measured: what it does, in which unit, what others have published, and its variants."""

    title: str
    workload: str
    metric: str
    published: str
    variants: dict[str, Measured]


@dataclass(frozen=True)
class Results:
    """All rows by id; in a sentence when, on which machine, at which load, with which versions."""

    rows: dict[str, Row]
    about: str = ""


@once
def read(course: Course) -> Read[Results]:
    """Return what was measured last, and what is wrong in it; no rows where nothing was measured."""
    file = course.root / RESULTS
    try:
        return Read(results(json.loads(file.read_text("utf-8"))) if file.exists() else Results({}), [], [])
    except json.JSONDecodeError as error:
        line, text = error.lineno, f"is not valid JSON: {error.msg}"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        line, text = 1, f"is not what the benchmark writes ({error!r})"
    return Read(Results({}), [Fault(RESULTS, line, f"{text}; run `make bench`")], [])


def results(data: dict[str, Any]) -> Results:
    """Return what the benchmark has written. Raises one of several errors where it has written something else."""
    rows = {}
    for id, row in data["rows"].items():
        names = ("figure", "least", "low", "high", "most", "samples")
        variants = {
            variant: Measured(**{name: +found[name] for name in names})  # + refuses a text
            for variant, found in row["variants"].items()
        }
        rows[id] = Row(row["title"], row["workload"], row["metric"], row["published"], variants)
    about = data["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    where = f"{about['machine']}, at a load of {about['load']}; {versions}"
    return Results(rows, f"Measured on {about['date']}: {where}.")


def short(figure: float) -> str:
    """Return a figure at two digits, and around one at two decimals: more would be noise in a ratio of two timings."""
    if figure < 2:
        return f"{figure:.2f}"
    return f"{figure:.1f}" if figure < 9.95 else f"{float(f'{figure:.2g}'):.0f}"


def fill(course: Course, text: str) -> str:
    """Return the text with its figures in place."""

    def figure(match: re.Match[str]) -> str:
        row = read(course).data.rows.get(match["row"])
        return str(row.variants.get(match["variant"], match[0])) if row else match[0]

    return FIGURE.sub(figure, text)


def marks(course: Course, path: str, text: str) -> Iterator[Fault]:
    """Find figures that no benchmark has measured."""
    rows = read(course).data.rows
    for number, line in enumerate(text.split("\n"), 1):
        for marked in re.findall(r"\{bench\b[^{}]*\}?", line):
            match = FIGURE.fullmatch(marked)
            if not match:
                yield Fault(path, number, f"{marked} is no figure; write {{bench ROW/VARIANT}}")
                continue
            known = rows[match["row"]].variants if match["row"] in rows else {}
            if match["variant"] not in known:
                there = f"{match['row']} has {', '.join(known)}" if known else f"there is {', '.join(rows) or 'none'}"
                yield Fault(path, number, f"no benchmark is called {match['row']}/{match['variant']}; {there}")


def render(course: Course, _: str) -> str:
    """Return what the line `::: benchmarks table` stands for: every row, then where and when it was measured."""
    results = read(course).data
    if not results.rows:
        return "*Nothing was measured yet: `make bench`.*"
    lines = ["| Measured | Variant | Figure | Middle half; all | Published |", "| --- | --- | --- | --- | --- |"]
    for row in results.rows.values():
        first, last = f"**{row.title}**: {row.workload}", row.published
        for name, found in row.variants.items():
            low, high, least, most = map(short, (found.low, found.high, found.least, found.most))
            spread = f"{low} to {high}; {found.samples} samples, {least} to {most}"
            lines.append(f"| {first} | {name} | **{found}** {row.metric} | {spread} | {last} |")
            first = last = ""  # both are for the whole row
    return "\n".join([*lines, "", f"*{results.about}*"])


PART = Part("benchmarks", ("table",), render=render, read=read, fill=fill, marks=marks)
