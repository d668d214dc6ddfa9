"""Keep the ledger: from the outcomes of one pytest session, rewrite the rows of those snippets that it ran whole."""

import argparse
import datetime
import json
import os
import re
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from publish.sources import ledger, proofs, snippets
from publish.sources.ledger import Ledger, Row
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent
RANK = {"passed": 0, "skipped": 1, "failed": 2}  # several runs of one name count as the worst

SUBJECT = pytest.StashKey[tuple[str, str]]()  # on a test: the file that it speaks for, and its name there


def clients(snippet: Snippet) -> dict[str, str]:
    """Return the Redis client of a snippet and its version, from where the language itself states it."""
    extension = snippet.language.extension
    if snippet.language.transcript:
        return {}  # a transcript speaks to the server itself
    if extension == ".py":
        return {"redis-py": metadata.version("redis")}
    if extension == ".mjs":
        package = ROOT / "node_modules" / "ioredis" / "package.json"
        return {"ioredis": json.loads(package.read_text("utf-8"))["version"]}
    return dict(re.findall(r"^#:package (StackExchange\.Redis)@(\S+)", snippet.text, re.MULTILINE))


def is_selection(option: argparse.Namespace, arguments: list[str]) -> bool:
    """Tell whether a run may leave out tests of a file without saying which; such a run proves no file whole."""
    names = ["lf", "stepwise", "maxfail"]
    if getattr(option, "numprocesses", None):  # then it is other processes that leave tests out
        names += ["keyword", "markexpr", "deselect"]
    chosen = [getattr(option, name, None) for name in names]
    return any(chosen) or any("::" in argument for argument in arguments)


class Recorder:
    """Collects the outcomes of a session, and writes them into the ledger of the course at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outcomes: dict[str, dict[str, str]] = {}  # by test file, or snippet for its own run: outcome by name
        self.left_out: set[str] = set()  # test files of which the run was told to leave out a test
        self.before = self.digests()  # a file saved while the tests run is not the one that they ran

    def digests(self) -> dict[str, str]:
        """Return what each snippet's row would be bound to now."""
        now = Ledger(self.root)
        return {snippet.path: now.digest(snippet) for snippet in snippets.read(self.root).files}

    def place(self, item: pytest.Item) -> str:
        """Return the test's file, as a path below the course."""
        return Path(os.path.relpath(item.path, self.root)).as_posix()

    def leave_out(self, item: pytest.Item) -> None:
        """Remember that a test was left out: its file proves nothing in this run."""
        self.left_out.add(self.place(item))

    def subject(self, item: pytest.Item) -> tuple[str, str]:
        """Return what a test speaks for: a test file, or a snippet for its own run, and the name there."""
        name = getattr(item, "originalname", None) or item.name
        return item.stash.get(SUBJECT, (self.place(item), name.removeprefix("test_")))

    def note(self, file: str, name: str, outcome: str) -> None:
        """Remember how a phase of a test ended: "passed", "skipped" or "failed"."""
        known = self.outcomes.setdefault(file, {})
        known[name] = max(known.get(name, "passed"), outcome, key=lambda one: RANK[one])

    def row(self, snippet: Snippet, digest: str, server_version: str) -> Row | None:
        """Return the row of a snippet whose digest now is this; None where this session did not run it whole."""
        path = snippet.language.test_path(snippet.example)
        if path in self.left_out:
            return None
        found = {**self.outcomes.get(path, {}), **self.outcomes.get(snippet.path, {})}
        wanted = {ledger.RUN}
        if (self.root / path).exists():
            wanted |= set(proofs.names((self.root / path).read_text("utf-8"), Path(path).suffix))
        if set(found) != wanted or set(found.values()) == {"skipped"} or digest != self.before.get(snippet.path):
            return None
        failures = {name: outcome for name, outcome in sorted(found.items()) if outcome != ledger.PASSED}
        versions = {"Redis": server_version, **clients(snippet)}
        return Row(snippet.path, digest, datetime.date.today().isoformat(), versions, failures)

    def write(self, server_version: str) -> list[str]:
        """Rewrite the rows that differ, with today's date. Return their paths: under CI there should be none."""
        now, library = Ledger(self.root), snippets.read(self.root)
        rows = {snippet.path: now.rows[snippet.path] for snippet in library.files if snippet.path in now.rows}
        changed = sorted(now.rows.keys() - rows.keys())  # whose file is gone
        for snippet in library.files:
            old, new = rows.get(snippet.path), self.row(snippet, now.digest(snippet), server_version)
            if new and (old is None or replace(new, date=old.date) != old):
                rows[snippet.path] = new
                changed.append(snippet.path)
        if (changed or now.faults) and not os.environ.get("CI"):
            ledger.save(self.root, rows)
        return changed
