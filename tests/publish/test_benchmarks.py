"""The benchmark's figures on a page: in a sentence, in the table, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rows import ROWS
from publish.pages.expand import Expander
from publish.parts import benchmarks, lesson, questions
from publish.parts.table import PARTS
from publish.sources.course import Course
from tests.publish.conftest import ROOT, Write, check, expand

RESULTS: dict[str, Any] = {
    "about": {"date": "2026-01-02", "machine": "A machine", "load": 0.1, "versions": {"Redis": "8", "Python": "3"}},
    "rows": {
        "set": {
            "title": "SET", "workload": "a thousand", "metric": "× faster", "published": "4.7",
            "variants": {
                "MSET": {"figure": 71.263, "least": 60.1, "low": 70, "high": 72, "most": 87.195, "samples": 15},
                "pipeline of 10": {"figure": 5.967, "least": 0.24, "low": 5.96, "high": 6, "most": 99.6, "samples": 15},
            },
        }
    },
}  # fmt: skip
PAGE = "# Page\n\nIt is {bench set/MSET} times as fast.\n\n```\n{bench set/MSET}\n```\n"
TEXT = json.dumps(RESULTS, indent=2)

# name: (the results, the page, the words of the fault)
BAD: dict[str, tuple[str, str, str]] = {
    "unknown row": (TEXT, "# P\n\n{bench get/MSET}\n", "docs/page.md:3: no benchmark is called get/MSET; there is set"),
    "unknown variant": (TEXT, "# P\n\nx {bench set/GET}\n", "docs/page.md:3: no benchmark is called set/GET; set has MSET, pipeline of 10"),
    "nothing measured": ("", "# P\n\n{bench set/MSET}\n", "docs/page.md:3: no benchmark is called set/MSET; there is none"),
    "broken JSON": (TEXT.replace('"samples": 15', '"samples"', 1), "# P\n", f"{benchmarks.RESULTS}:25: is not valid JSON"),
    "missing spread": (TEXT.replace('"least"', '"fewest"', 1), "# P\n", f"{benchmarks.RESULTS}:1: is not what the benchmark writes (KeyError('least'))"),
    "missing machine": (TEXT.replace('"machine"', '"computer"'), "# P\n", f"{benchmarks.RESULTS}:1: is not what the benchmark writes (KeyError('machine'))"),
    "figure that is a text": (TEXT.replace("71.263", '"much"'), "# P\n", f"{benchmarks.RESULTS}:1: is not what the benchmark writes (TypeError"),
    "no slash": (TEXT, "# P\n\n{bench set MSET}\n", "docs/page.md:3: {bench set MSET} is no figure; write {bench ROW/VARIANT}"),
    "no variant": (TEXT, "# P\n\n{bench set}\n", "docs/page.md:3: {bench set} is no figure"),
    "no end": (TEXT, "# P\n\nIt is {bench set/MSET times.\n", "docs/page.md:3: {bench set/MSET times. is no figure"),
    "colon": (TEXT, "# P\n\n{bench:set/MSET}\n", "docs/page.md:3: {bench:set/MSET} is no figure"),
    "rows that are a list": ('{"about": {}, "rows": []}', "# P\n", f"{benchmarks.RESULTS}:1: is not what the benchmark writes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_figure_is_refused_with_its_line(name: str, write: Write) -> None:
    results, page, said = BAD[name]
    root = write({"docs/page.md": page, **({benchmarks.RESULTS: results} if results else {})})
    assert said in "\n".join(check(root))


def test_figure_stands_in_the_sentence_at_two_digits(write: Write) -> None:
    root = write({"docs/page.md": PAGE, benchmarks.RESULTS: TEXT})
    assert expand(root, PAGE).splitlines()[2] == "It is 71 times as fast."


def test_figure_stands_in_what_is_included(write: Write) -> None:
    asked = """\
- id: how-fast
  type: single
  objective: 1
  ask: How fast?
  options:
    - { text: Fast, right: true, why: "{bench set/MSET} times." }
    - { text: Slow, why: No. }
"""
    plan = "minutes: 1\nobjectives: [Be fast]\nsections: []\n"
    root = write(
        {"docs/page.md": "# Page\n", benchmarks.RESULTS: TEXT, f"{questions.FOLDER}/page.yml": asked, lesson.PLAN: plan}
    )
    assert "71 times." in expand(root, "::: quiz how-fast\n")
    write({f"{questions.FOLDER}/page.yml": asked.replace("MSET", "GET")})
    assert "no benchmark is called set/GET" in "\n".join(check(root))


def test_code_is_left_as_it_is(write: Write) -> None:
    root = write({"docs/page.md": PAGE, benchmarks.RESULTS: TEXT})
    assert "```\n{bench set/MSET}\n```" in expand(root, PAGE)


def test_figures_of_a_build_are_of_one_measurement_and_those_of_the_next_build_of_the_next(write: Write) -> None:
    root = write({"docs/page.md": PAGE, benchmarks.RESULTS: TEXT})
    build = Expander(Course(root), PARTS)
    build.expand(PAGE)
    write({benchmarks.RESULTS: TEXT.replace("71.263", "60")})
    assert "It is 71 times as fast." in build.expand(PAGE)
    assert "It is 60 times as fast." in expand(root, PAGE)


def test_table_has_every_variant_then_the_machine(write: Write) -> None:
    root = write({benchmarks.RESULTS: TEXT})
    assert benchmarks.render(Course(root), "table").splitlines()[2:] == [
        "| **SET**: a thousand | MSET | **71** × faster | 70 to 72; 15 samples, 60 to 87 | 4.7 |",
        "|  | pipeline of 10 | **6.0** × faster | 6.0 to 6.0; 15 samples, 0.24 to 100 |  |",
        "",
        "*Measured on 2026-01-02: A machine, at a load of 0.1; Redis 8, Python 3.*",
    ]


@pytest.mark.parametrize(
    ("figure", "said"),
    [(0.006, "0.01"), (0.704, "0.70"), (1.083, "1.08"), (2.04, "2.0"), (9.94, "9.9"), (9.96, "10"), (71.263, "71"), (256.8, "260")],
)  # fmt: skip
def test_figure_is_rounded(figure: float, said: str) -> None:
    assert benchmarks.short(figure) == said


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    assert "make bench" in benchmarks.render(Course(tmp_path), "table")


def test_stored_results_are_of_the_rows_that_there_are() -> None:
    rows = benchmarks.read(Course(ROOT)).data.rows
    told = {name: (row.title, row.workload, row.metric, row.published) for name, row in rows.items()}
    assert told == {row.id: (row.title, row.workload, row.metric, row.published) for row in ROWS}
