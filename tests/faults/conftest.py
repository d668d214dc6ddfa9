"""Cells of the fault matrix run where they have not since something that they rest on changed, until time is up.

`make test` gives them what it has left of its time, UNTIL in seconds since 1970, and says how many are left;
`make test-full` runs these. ALL=1 runs every cell.
"""

import datetime
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness import session as running
from publish.parts import cells
from publish.sources.course import Course

ROOT = Path(__file__).resolve().parent.parent.parent
UNTIL = float(os.environ.get("UNTIL") or "inf")

Cell = tuple[str, str]  # the path of a program, and a condition
due: dict[Cell, str] = {}  # the digest of each cell that this session has to run
passed: dict[Cell, str] = {}
failed: set[Cell] = set()


def cell_of(item: pytest.Item) -> Cell | None:
    """Return the cell that a test tries; None where it is another test."""
    found = getattr(getattr(item, "callspec", None), "params", {})
    return (found["program"].path, found["condition"]) if "condition" in found else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has run as it is now."""
    known = cells.read(Course(ROOT))
    left = known.all() if os.environ.get("ALL") else known.left()
    to_run = {(program.path, name): known.digest(expected, program, name) for expected, program, name in left}
    chosen = [item for item in items if (cell := cell_of(item)) is None or cell in to_run]
    due.update({cell: to_run[cell] for item in chosen if (cell := cell_of(item))})
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Begin no cell when time is up."""
    return True if cell_of(item) and time.time() > UNTIL else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say on each outcome which cell it is of."""
    report = yield
    if cell := cell_of(item):
        report.user_properties.append(("cell", (cell, due[cell])))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep each outcome."""
    of: Any = dict(report.user_properties).get("cell")
    if of and report.failed:
        failed.add(tuple(of[0]))
    elif of and report.when == "call" and report.passed:
        passed[tuple(of[0])] = of[1]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what has passed, and strike out what has failed. In CI all must be written down already."""
    if hasattr(session.config, "workerinput"):
        return
    if passed or failed:
        write(cells.read(Course(ROOT)))
    if os.environ.get("CI") and (passed or cells.read(Course(ROOT)).left()):
        session.exitstatus = session.exitstatus or 1


def write(known: cells.Cells) -> None:
    """Write the rows anew, without what has failed and what is there no more."""
    there = {(program.path, name) for _, program, name in known.all()} - failed
    today, version = datetime.date.today().isoformat(), running.server.version
    found = {}
    for path in {path for path, _ in there}:
        old = known.rows.get(path) or cells.Row(path, today, version)
        new = {name: digest for (of, name), digest in passed.items() if of == path}
        told = {name: digest for name, digest in {**old.cells, **new}.items() if (path, name) in there}
        if told:
            stamp = (today, version) if new else (old.date, old.server)
            found[path] = cells.Row(path, *stamp, dict(sorted(told.items())))
    cells.save(ROOT, found)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cells have run, and how many are left."""
    if passed:
        terminalreporter.line(f"{cells.FILE} has {len(passed.keys() - failed)} new cells. Commit it.")
    if left := len(cells.read(Course(ROOT)).left()):
        terminalreporter.line(f"{left} cells of the fault matrix are left: `make test-full` runs them.", yellow=True)
