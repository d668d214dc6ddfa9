"""The key registry as a table: each pattern with its one type, its TTL and its owner, from docs/_course/keys.yml."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from publish.snippets import Fault

FILE = "docs/_course/keys.yml"
TYPES = ("string", "hash", "list", "set", "zset", "stream", "channel")
NEEDED = ("pattern", "type", "ttl", "owner", "holds")
KNOWN = (*NEEDED, "seconds", "never")


def read(root: Path) -> list[dict[str, Any]]:
    """Return the rows; none where there is no registry."""
    file = root / FILE
    return yaml.safe_load(file.read_text("utf-8")) or [] if file.exists() else []


def expression(pattern: str) -> re.Pattern[str]:
    """Return what matches the keys of a pattern: `{name}` stands for anything but a colon, or for a hash tag."""
    parts = re.split(r"(\{\w+\})", pattern)
    return re.compile("".join(r"(?:[^:{}]+|\{[^{}]+\})" if part.startswith("{") else re.escape(part) for part in parts))


def faults(root: Path) -> Iterator[Fault]:
    """Find rows that lack something, that two types claim, or whose owner is no page."""
    rows = read(root)
    lines = [
        number
        for number, line in enumerate((root / FILE).read_text("utf-8").splitlines() if rows else [], 1)
        if line.startswith("- ")
    ]
    seen: dict[str, int] = {}
    for line, row in zip(lines, rows, strict=False):
        if not isinstance(row, dict) or any(not isinstance(row.get(name), str) for name in NEEDED):
            yield Fault(FILE, line, f"a row has {', '.join(NEEDED)}, each a text")
            continue
        if unknown := sorted(row.keys() - set(KNOWN)):
            yield Fault(FILE, line, f"{row['pattern']} has {unknown[0]}; a row has {', '.join(KNOWN)}")
        if row["type"] not in TYPES:
            yield Fault(FILE, line, f"{row['pattern']}: {row['type']} is no type; there is {', '.join(TYPES)}")
        if not (root / "docs" / row["owner"]).exists():
            yield Fault(FILE, line, f"{row['pattern']}: its owner, docs/{row['owner']}, does not exist")
        bounds = row.get("seconds", [0, 1])
        if not isinstance(bounds, list) or len(bounds) != 2 or not all(isinstance(n, int) for n in bounds):
            yield Fault(FILE, line, f"{row['pattern']}: seconds is the least and the most of its TTL, [54, 3960]")
        if not row.get("never") and "seconds" not in row and row["type"] != "channel":
            yield Fault(FILE, line, f"{row['pattern']} needs seconds, or `never: true` where it may live for ever")
        shape = re.sub(r"\{\w+\}", "{}", row["pattern"])
        if shape in seen:
            yield Fault(FILE, line, f"{row['pattern']} stands at line {seen[shape]} already; one pattern, one type")
        seen.setdefault(shape, line)


def render(root: Path, _: str) -> str:
    """Return what the line `::: keys table` stands for."""
    lines = ["| Key | Type | TTL | Holds | Owner |", "| --- | --- | --- | --- | --- |"]
    for row in read(root):
        owner = f"[{title(root, row['owner'])}](/{row['owner']})"
        lines.append(f"| `{row['pattern']}` | {row['type']} | {row['ttl']} | {row['holds']} | {owner} |")
    return "\n".join(lines)


def title(root: Path, page: str) -> str:
    """Return a page's own name."""
    match = re.search(r"^# (.+)$", (root / "docs" / page).read_text("utf-8"), re.MULTILINE)
    return match[1] if match else page
