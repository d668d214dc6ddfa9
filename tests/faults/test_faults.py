"""Each program that readers copy, in each language, under each condition: what it does is what is expected of it."""

import contextlib
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.faults.conditions import CONDITIONS, World, under
from harness.faults.drive import Driver, Seen
from harness.faults.tap import Tap
from harness.servers import Cluster, Server
from harness.toolchain import need
from publish.parts import cells, conditions
from publish.parts.faults import Call, Cell, Expected
from publish.sources.course import Course
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent.parent
COURSE = Course(ROOT)
CASES = [
    pytest.param(expected, program, condition, id=f"{expected.program}-{program.language.key}-{condition}")
    for expected, program, condition in cells.read(COURSE).all()
]


def wrong(cell: Cell, seen: Seen, callers: int) -> list[str]:
    """Say in what an operation was not as expected."""
    found = []
    answer = json.dumps(cell.gets or None, ensure_ascii=False)
    if cell.raises:
        if sum(count for text, count in seen.raises.items() if re.search(cell.raises, text)) != callers:
            found.append(f"not every caller got an error like {cell.raises}: {seen.gets} {seen.raises}")
    elif cell.otherwise and all(re.search(cell.otherwise, text) for text in seen.raises):
        if seen.gets.keys() - {answer}:
            found.append(f"a caller got neither {answer} nor an error like {cell.otherwise}: {seen.gets}")
    elif seen.gets != {answer: callers}:
        found.append(f"not every caller got {answer}: {seen.gets} {seen.raises}")
    for name in cell.counts.keys() | seen.counts.keys():
        if seen.counts.get(name, 0) not in cell.counts.get(name, range(1)):
            found.append(f"{name}: {seen.counts.get(name, 0)}")
    if seen.seconds > cell.within:
        found.append(f"waited for {seen.seconds:.1f} s")
    return found


def tried(driver: Driver, call: Call, callers: int, lasts: float) -> tuple[Seen, int]:
    """Return what came of an operation, tried for so many seconds, once at least; and how many called."""
    gets, raises, counts = Counter[str](), Counter[str](), Counter[str]()
    longest, rounds, end = 0.0, 0, time.monotonic() + lasts
    while not rounds or time.monotonic() < end:
        seen = driver.do(call.do, *call.arguments, callers=callers)
        for sums, more in (gets, seen.gets), (raises, seen.raises), (counts, seen.counts):
            sums.update(more)
        longest, rounds = max(longest, seen.seconds), rounds + 1
    return Seen(gets, raises, longest, counts), callers * rounds


@pytest.fixture
def server() -> Iterator[Server]:
    """A Redis to do anything to."""
    own = Server()
    yield own
    own.stop()


@pytest.mark.parametrize(("expected", "program", "condition"), CASES)
def test_what_happens_when(
    expected: Expected, program: Snippet, condition: str, server: Server, tmp_path: Path
) -> None:
    need(program.language.tool)
    made = CONDITIONS[condition]
    cluster = Cluster(3, 1) if made.cluster else None
    world = World(server, Tap(server.port), tmp_path / "database", expected.key, cluster)
    with sqlite3.connect(world.database) as db:
        db.executescript(expected.setup)
    with contextlib.ExitStack() as stack:
        stack.callback(world.tap.close)
        if cluster:
            stack.callback(cluster.stop)
        driver = Driver(program, world.tap.url if made.tapped else world.url, world.database)
        stack.callback(driver.stop)
        before = driver.do(expected.before.do, *expected.before.arguments)
        assert before.gets == {json.dumps(expected.before.gets or None): 1}, before
        said = {}
        with under(made, world):
            for name, call in expected.operations.items():
                callers = made.callers if call.do != "write" else 1
                cell = expected.cell(condition, name, program.language.label)
                assert cell, f"{condition} lacks {name}"
                if found := wrong(cell, *tried(driver, call, callers, made.lasts)):
                    said[name] = found
        after = driver.do(expected.after.do, *expected.after.arguments)
        if after.gets != {json.dumps(expected.after.gets): 1}:
            said["after"] = [f"{after.gets} {after.raises}"]
    assert said == {}


def test_every_condition_that_readers_are_told_of_is_made() -> None:
    assert list(CONDITIONS) == list(conditions.titles(COURSE))
