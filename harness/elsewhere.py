"""A session on another server than the wheel's: what it runs there, and what the outcomes mean."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.differences import FILE, Difference, declared
from harness.record import INDEPENDENT, Recorder
from harness.targets import CLUSTER, Target
from publish.sources import ledger, snippets

MEANS = pytest.StashKey[str]()  # on a test that is skipped: what that means for the ledger
SERVERS = {"redis_url", "own_server", "one_node_cluster", "cluster", "tls_redis"}  # the fixtures that are one
STARTS = re.compile(r"\b(?:Server|Cluster)\(")  # in a file of tests that start one by themselves
RUNS = [f"test_{name}" for name in ledger.RUNS]


def unmarked(root: Path, target: Target) -> list[str]:
    """Return the programs whose row has no mark of a target, or one that does not say what is declared today."""
    now, differences, found = ledger.Ledger(root), declared(root), []
    for snippet in snippets.read(root).files:
        row, files = now.current(snippet), (snippet.path, snippet.language.test_path(snippet.example))
        names = sorted(one.name for one in differences if one.target == target.name and one.file in files)
        if row is None or target.name not in row.servers or row.differs.get(target.name, []) != names:
            found.append(snippet.path)
    return found


def asks(item: pytest.Item, target: Target) -> bool:
    """Tell whether what comes out of a test can depend on the target. Of tests in other languages, we do not know."""
    fixtures = getattr(item, "fixturenames", None)
    if fixtures is None:
        return True
    if target is CLUSTER:  # which stands in place of the shared Redis; servers of their own stay single ones
        return "redis_url" in fixtures
    return bool(SERVERS & set(fixtures)) or STARTS.search(item.path.read_text("utf-8")) is not None


def some(paths: list[str]) -> str:
    """Name a few of these paths, and how many there are beside them."""
    return ", ".join([*paths[:3], *([f"and {len(paths) - 3} more"] if len(paths) > 3 else [])])


class Elsewhere:
    """What is special about a session on a target: it runs what has no mark there yet, or `everything`."""

    def __init__(self, root: Path, target: Target, everything: bool) -> None:
        self.root, self.target = root, target
        self.declared = {(one.file, one.name): one for one in declared(root) if one.target == target.name}
        found, without = snippets.read(root).files, unmarked(root, target)
        wanted = [one for one in found if everything or one.path in without]
        self.programs = {one.path for one in wanted}
        self.tests = {one.language.test_path(one.example) for one in wanted}

    def select(self, items: list[pytest.Item], recorder: Recorder) -> Iterator[pytest.Item]:
        """Yield the tests to run: those of the programs, and their runs. What does not ask the server is skipped."""
        for item in items:
            place = recorder.place(item)
            if place == ledger.CONTRACT:
                if getattr(item, "originalname", "") in RUNS and item.callspec.params["path"] in self.programs:  # type: ignore[attr-defined]
                    yield item
            elif place in self.tests:
                if not asks(item, self.target):
                    item.stash[MEANS] = INDEPENDENT
                    item.add_marker(pytest.mark.skip(reason=f"does not ask {self.target.name}"))
                yield item

    def judge(self, report: pytest.TestReport, subject: tuple[str, str]) -> None:
        """Let a declared test fail as it is declared to; where it says something else, the report says so."""
        difference: Difference | None = self.declared.get(subject)
        if difference and difference.chance and report.passed and report.when == "call":
            report.outcome, report.wasxfail = "skipped", f"by chance it held: {difference.reason}"
        if difference is None or not report.failed:
            return
        if difference.says in report.longreprtext:
            report.outcome, report.wasxfail = "skipped", difference.reason
        else:
            report.sections.append((FILE, f"declares that it fails with {difference.says!r}, and not like this"))

    def holding(self, recorder: Recorder) -> list[str]:
        """Return what passed although it is declared not to hold, with all of its parameters."""
        outcomes = recorder.outcomes
        surely = [of for of, one in self.declared.items() if not one.chance]
        found = [(file, name) for file, name in surely if outcomes.get(file, {}).get(name) == ledger.PASSED]
        return [f"{file} {name}" for file, name in sorted(found)]
