"""Keep the ledger: from the outcomes of one pytest session, rewrite the rows of those snippets that it ran whole."""

import argparse
import datetime
import os
from pathlib import Path
from typing import Any

import pytest

from publish.sources import ledger, proofs, snippets
from publish.sources.snippets import Library, Snippet

RANK = {"passed": 0, "skipped": 1, "failed": 2}  # several runs of one name count as the worst

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

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outcomes: dict[str, dict[str, str]] = {}  # by test file, or snippet for its own run: outcome by name
        self.left_out: set[str] = set()  # test files of which the run was told to leave out a test
        self.before = self.hashes()  # a file saved while the tests run is not the one that they ran

    def hashes(self) -> dict[str, Any]:
        """Return what each snippet's row would be bound to now."""
        library = snippets.read(self.root)
        return {snippet.path: ledger.hashes(self.root, library, snippet) for snippet in library.snippets}

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

    def row(self, library: Library, snippet: Snippet, server_version: str) -> dict[str, Any] | None:
        """Return the row of a snippet, or None where this session did not run it whole."""
        path = snippet.language.test_path(snippet.example)
        if path in self.left_out:
            return None
        found = {**self.outcomes.get(path, {}), **self.outcomes.get(snippet.path, {})}
        wanted = {ledger.RUN}
        if (self.root / path).exists():
            wanted |= set(proofs.names((self.root / path).read_text("utf-8"), path))
        hashes = ledger.hashes(self.root, library, snippet)
        if set(found) != wanted or set(found.values()) == {"skipped"} or hashes != self.before.get(snippet.path):
            return None
        return {
            "hashes": hashes,
            "versions": {"Redis": server_version, **snippet.language.clients(snippet.text)},
            "outcomes": dict(sorted(found.items())),
        }

    def write(self, server_version: str) -> list[str]:
        """Rewrite the rows that differ, with today's date. Return their paths: under CI there should be none."""
        library, rows, changed = snippets.read(self.root), ledger.load(self.root), []
        for snippet in library.snippets:
            new = self.row(library, snippet, server_version)
            old = {key: value for key, value in rows.get(snippet.path, {}).items() if key != "date"}
            if new is not None and new != old:
                rows[snippet.path] = {"date": datetime.date.today().isoformat(), **new}
                changed.append(snippet.path)
        gone = sorted(set(rows) - {snippet.path for snippet in library.snippets})
        for path in gone:
            del rows[path]
        if (changed or gone) and not os.environ.get("CI"):
            ledger.save(self.root, rows)
        return changed + gone
