"""A page's own record: what a browser saw on it, kept on this machine while all that the page loads stays as it is.

A record is what was seen, not a verdict: the tests assert on it as they would on a new visit. It is bound to the bytes
of everything that the page loaded, to this package and axe, and to the browser's version.
"""

import dataclasses
import hashlib
import json
import os
import re
from importlib import metadata
from pathlib import Path
from typing import Protocol

from harness.browser import actions
from harness.browser.server import find
from harness.browser.visit import Look, Seen

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent.parent / ".browser_cache"


def digest(data: bytes) -> str:
    """Return what stands for these bytes."""
    return hashlib.sha256(data).hexdigest()


class Records:
    """The records of one site and one browser."""

    def __init__(self, site: Path, version: str, folder: Path = FOLDER) -> None:
        self.site = site.resolve()
        self.folder = folder
        files = [file.read_bytes() for file in sorted(HERE.glob("*.*"))]
        tools = [actions.AXE, f"Chromium {version}", f"Playwright {metadata.version('playwright')}"]
        self.checks = digest(b"\0".join([*files, *(tool.encode() for tool in tools)]))

    def file(self, path: str, look: Look) -> Path:
        """Return where the record of a page lies."""
        return self.folder / (re.sub(r"[^\w.]+", "-", f"{path} {look}") + ".json")

    def loaded(self, addresses: list[str]) -> dict[str, str]:
        """Return the digests of what the page loaded, or did not find, by address."""
        files = {address: find(self.site, address) for address in addresses}
        return {address: digest(file.read_bytes() + bytes([found])) for address, (file, found) in files.items()}

    def load(self, path: str, look: Look) -> Seen | None:
        """Return what was seen on a page, if nothing has changed since. In CI each page is looked at."""
        if os.environ.get("CI") or os.environ.get("ALL"):
            return None
        try:
            record = json.loads(self.file(path, look).read_text("utf-8"))
            same = record["checks"] == self.checks and record["loaded"] == self.loaded([*record["loaded"]])
            return Seen(**record["seen"]) if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # there is none, or it was cut short

    def save(self, path: str, look: Look, seen: Seen) -> None:
        """Keep what was seen on a page."""
        self.folder.mkdir(exist_ok=True)
        record = {"checks": self.checks, "loaded": self.loaded(seen.loaded), "seen": dataclasses.asdict(seen)}
        new = self.file(path, look).with_suffix(".new")
        new.write_text(json.dumps(record), "utf-8")
        new.replace(self.file(path, look))

    def forget(self, path: str) -> None:
        """Drop the records of a page, on all screens: a test of it has failed, and shall look again."""
        for file in self.folder.glob(re.sub(r"[^\w.]+", "-", f"{path} ") + "*.json"):
            file.unlink(missing_ok=True)


class Visits(Protocol):
    """Who can look at a page."""

    def visit(self, path: str, look: Look) -> Seen:
        """Return what is seen on a page."""


class Looks:
    """What was seen on each page in this run, at most one visit each: from its record, or with open eyes."""

    def __init__(self, visitor: Visits, records: Records) -> None:
        self.visitor = visitor
        self.records = records
        self.seen: dict[tuple[str, Look], Seen | Exception] = {}
        self.recorded: set[str] = set()  # the pages and screens that were not looked at

    def look(self, path: str, look: Look) -> Seen:
        """Return what is seen on a page. Raises what the visit raised, and does not visit again."""
        if (path, look) not in self.seen:
            self.seen[path, look] = self.find(path, look)
        found = self.seen[path, look]
        if isinstance(found, Exception):
            raise found
        return found

    def find(self, path: str, look: Look) -> Seen | Exception:
        """Return what the record says, or else what a visit shows, which is then recorded."""
        if recorded := self.records.load(path, look):
            self.recorded.add(f"{path} {look}")
            return recorded
        try:
            seen = self.visitor.visit(path, look)
        except Exception as error:
            return error
        self.records.save(path, look, seen)
        return seen
