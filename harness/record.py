"""Keep the ledger: from the outcomes of one pytest session, rewrite the rows of those snippets that it ran whole."""

import argparse
import datetime
import os
from dataclasses import replace
from pathlib import Path

import pytest

from publish.sources import ledger, proofs, snippets
from publish.sources.ledger import Ledger, Row
from publish.sources.snippets import Snippet

INDEPENDENT = "independent"  # of the server: on another one it does not run
DIFFERS = "differs"  # fails on another server, as it is declared
RANK = {"passed": 0, INDEPENDENT: 0, DIFFERS: 1, "skipped": 2, "failed": 3}  # several runs of one name: the worst

SUBJECT = pytest.StashKey[tuple[str, str]]()  # on a test: the file that it speaks for, and its name there


def is_selection(option: argparse.Namespace, arguments: list[str]) -> bool:
    """Tell whether a run may leave out tests of a file without saying which; such a run proves no file whole."""
    names = ["lf", "stepwise", "maxfail"]
    if getattr(option, "numprocesses", None):  # then it is other processes that leave tests out
        names += ["keyword", "markexpr", "deselect"]
    chosen = [getattr(option, name, None) for name in names]
    return any(chosen) or any("::" in argument for argument in arguments)


class Recorder:
    """Collects the outcomes of a session, and writes them into the ledger of the course at `root`."""

    def __init__(self, root: Path, writes: bool = True) -> None:
        self.root = root
        self.outcomes: dict[str, dict[str, str]] = {}  # by test file, or snippet for its own run: outcome by name
        self.left_out: set[str] = set()  # test files of which the run was told to leave out a test
        # A file saved while the tests run is not the one that they ran. One that never writes need not know.
        self.before = self.digests() if writes else {}

    def digests(self) -> dict[str, str]:
        """Return what each snippet's row would be bound to now."""
        now = Ledger(self.root)
        return {snippet.path: now.digest(snippet) for snippet in snippets.read(self.root).files}

    def place(self, item: pytest.Item) -> str:
        """Return the test's file, as a path below the course."""
        return Path(os.path.relpath(item.path, self.root)).as_posix()

    def leave_out(self, item: pytest.Item) -> None:
        """Remember that a test was left out: its file, or the program that it runs, is not proved in this run."""
        place = self.place(item)
        runs = place == ledger.CONTRACT and getattr(item, "originalname", "").removeprefix("test_") in ledger.RUNS
        self.left_out.add(item.callspec.params["path"] if runs else place)  # type: ignore[attr-defined]

    def subject(self, item: pytest.Item) -> tuple[str, str]:
        """Return what a test speaks for: a test file, or a snippet for its own run, and the name there."""
        name = getattr(item, "originalname", None) or item.name
        return item.stash.get(SUBJECT, (self.place(item), name.removeprefix("test_")))

    def note(self, file: str, name: str, outcome: str) -> None:
        """Remember how a phase of a test ended, by one of the words in RANK."""
        known = self.outcomes.setdefault(file, {})
        known[name] = max(known.get(name, "passed"), outcome, key=lambda one: RANK[one])

    def found(self, snippet: Snippet, digest: str) -> dict[str, str]:
        """Return the outcomes of a snippet whose digest now is this; none where this session did not run it whole."""
        path = snippet.language.test_path(snippet.example)
        found = {**self.outcomes.get(path, {}), **self.outcomes.get(snippet.path, {})}
        wanted = {ledger.RUN}
        if (self.root / path).exists():
            wanted |= set(proofs.names((self.root / path).read_text("utf-8"), path))
        left_out = {path, snippet.path} & self.left_out
        whole = not left_out and set(found) == wanted and set(found.values()) != {"skipped"}
        return found if whole and digest == self.before.get(snippet.path) else {}

    def row(self, snippet: Snippet, digest: str, server_version: str) -> Row | None:
        """Return the row of a snippet whose digest now is this; None where this session did not run it whole."""
        found = self.found(snippet, digest)
        if not found:
            return None
        failures = {name: outcome for name, outcome in sorted(found.items()) if outcome != ledger.PASSED}
        versions = {"Redis": server_version, **snippet.language.clients(snippet.text)}
        return Row(snippet.path, digest, datetime.date.today().isoformat(), versions, failures)

    def failed(self, snippet: Snippet, row: Row | None, digest: str) -> Row | None:
        """Return a row with what failed in a session that did not run its program whole; None where nothing did."""
        if row is None or not digest == row.digest == self.before.get(snippet.path):
            return None
        tests = self.outcomes.get(snippet.language.test_path(snippet.example), {})
        found = {**tests, **self.outcomes.get(snippet.path, {})}
        failures = {name: outcome for name, outcome in found.items() if outcome == "failed"}
        return replace(row, failures=dict(sorted({**row.failures, **failures}.items()))) if failures else None

    def write(self, server_version: str) -> list[str]:
        """Rewrite the rows that differ, with today's date. Return their paths: under CI there should be none."""
        now, library = Ledger(self.root), snippets.read(self.root)
        rows = {snippet.path: now.rows[snippet.path] for snippet in library.files if snippet.path in now.rows}
        changed = sorted(now.rows.keys() - rows.keys())  # whose file is gone
        for snippet in library.files:
            old, new = rows.get(snippet.path), self.row(snippet, now.digest(snippet), server_version)
            new = new or self.failed(snippet, old, now.digest(snippet))
            if new and old and new.digest == old.digest:
                new = replace(new, servers=old.servers, differs=old.differs)
            if new and (old is None or replace(new, date=old.date) != old):
                rows[snippet.path] = new
                changed.append(snippet.path)
        if (changed or now.faults) and not os.environ.get("CI"):
            ledger.save(self.root, rows)
        return changed

    def mark(self, server: str, version: str) -> list[str]:
        """Mark the rows of what ran on another server than the wheel's. Return their paths; none in CI.

        A row that speaks of other files than those that ran is left as it is.
        """
        now, library, changed = Ledger(self.root), snippets.read(self.root), []
        for snippet in library.files:
            old, found = now.current(snippet), self.found(snippet, now.digest(snippet))
            if not old or not found:
                continue
            servers = {name: known for name, known in old.servers.items() if name != server}
            differs = {name: known for name, known in old.differs.items() if name != server}
            if RANK[max(found.values(), key=lambda one: RANK[one])] <= RANK[DIFFERS]:
                servers[server] = version
                if names := sorted(name for name, outcome in found.items() if outcome == DIFFERS):
                    differs[server] = names
            new = replace(old, servers=dict(sorted(servers.items())), differs=dict(sorted(differs.items())))
            if new != old:
                now.rows[snippet.path] = new
                changed.append(snippet.path)
        if changed and not os.environ.get("CI"):
            ledger.save(self.root, now.rows)
        return changed
