"""Keep the ledger: from the outcomes of one pytest session, rewrite the rows of those snippets that it ran whole."""

import datetime
import json
import os
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from publish import ledger, proofs, snippets
from publish.snippets import Library, Snippet

ROOT = Path(__file__).resolve().parent.parent
RANK = {"passed": 0, "skipped": 1, "failed": 2}  # several runs of one name count as the worst

outcomes: dict[str, dict[str, str]] = {}  # by test file, or snippet for its own run: outcome by test name
SUBJECT = pytest.StashKey[tuple[str, str]]()  # on a test: the file that it speaks for, and its name there


def subject(item: pytest.Item) -> tuple[str, str]:
    """Return the file whose row a test speaks for, and the name under which it does."""
    name = getattr(item, "originalname", None) or item.name
    return item.stash.get(SUBJECT, (item.path.relative_to(ROOT).as_posix(), name.removeprefix("test_")))


def note(item: pytest.Item, outcome: str) -> None:
    """Remember how a phase of a test ended: "passed", "skipped" or "failed"."""
    file, name = subject(item)
    known = outcomes.setdefault(file, {})
    known[name] = max(known.get(name, "passed"), outcome, key=lambda one: RANK[one])


def clients(snippet: Snippet) -> dict[str, str]:
    """Return the Redis client of a snippet and its version, from where the language itself states it."""
    extension = snippet.language.extension
    if extension == ".py":
        return {"redis-py": metadata.version("redis")}
    if extension == ".mjs":
        package = ROOT / "node_modules" / "ioredis" / "package.json"
        return {"ioredis": json.loads(package.read_text("utf-8"))["version"]}
    return dict(re.findall(r"^#:package (StackExchange\.Redis)@(\S+)", snippet.text, re.MULTILINE))


def row(library: Library, snippet: Snippet, server_version: str) -> dict[str, Any] | None:
    """Return the row of a snippet, or None where this session did not run it whole."""
    path = snippet.language.test_path(snippet.example)
    found = {**outcomes.get(path, {}), **outcomes.get(snippet.path, {})}
    wanted = {ledger.RUN}
    if (ROOT / path).exists():
        wanted |= set(proofs.names((ROOT / path).read_text("utf-8"), Path(path).suffix))
    if set(found) != wanted or set(found.values()) == {"skipped"}:
        return None
    return {
        "hashes": ledger.hashes(ROOT, library, snippet),
        "versions": {"Redis": server_version, **clients(snippet)},
        "outcomes": dict(sorted(found.items())),
    }


def write(server_version: str) -> list[str]:
    """Rewrite the rows that differ, with today's date. Return their paths: under CI there should be none."""
    library, rows, changed = snippets.read(ROOT), ledger.load(ROOT), []
    for snippet in library.snippets:
        new = row(library, snippet, server_version)
        old = {key: value for key, value in rows.get(snippet.path, {}).items() if key != "date"}
        if new is not None and new != old:
            rows[snippet.path] = {"date": datetime.date.today().isoformat(), **new}
            changed.append(snippet.path)
    gone = set(rows) - {snippet.path for snippet in library.snippets}
    for path in gone:
        del rows[path]
    if (changed or gone) and not os.environ.get("CI"):
        ledger.save(ROOT, rows)
    return changed + sorted(gone)
