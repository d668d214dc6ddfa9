"""The benchmark's figures on a page: the table, and `{bench ROW/VARIANT}` in a sentence. None is typed anywhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from publish.snippets import Fault

RESULTS = "benchmarks/results.json"
FIGURE = re.compile(r"\{bench (?P<row>[\w-]+)/(?P<variant>[^{}]+)\}")


def read(root: Path) -> dict[str, Any]:
    """Return what was measured last; nothing where nothing was."""
    file = root / RESULTS
    results: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {"rows": {}}
    return results


def short(figure: float) -> str:
    """Return a figure at three significant digits: what a ratio of two timings is worth."""
    return f"{figure:.3g}"


def fill(root: Path, text: str) -> str:
    """Return the text with its figures in place."""
    if "{bench " not in text:
        return text
    rows = read(root)["rows"]

    def figure(match: re.Match[str]) -> str:
        variant = rows.get(match["row"], {}).get("variants", {}).get(match["variant"])
        return short(variant["figure"]) if variant else match[0]

    return FIGURE.sub(figure, text)


def unknown(root: Path, path: str, text: str) -> Iterator[Fault]:
    """Find figures that no benchmark has measured."""
    rows = read(root)["rows"] if "{bench " in text else {}
    for number, line in enumerate(text.split("\n"), 1):
        for match in FIGURE.finditer(line):
            known = list(rows.get(match["row"], {}).get("variants", {}))
            if match["variant"] not in known:
                there = f"{match['row']} has {', '.join(known)}" if known else f"there is {', '.join(rows) or 'none'}"
                yield Fault(path, number, f"no benchmark is called {match['row']}/{match['variant']}; {there}")


def render(root: Path, _: str) -> str:
    """Return what the line `::: benchmarks table` stands for: every row, then where and when it was measured."""
    results = read(root)
    if not results["rows"]:
        return "*Nothing was measured yet: `make bench`.*"
    lines = ["| Measured | Variant | Figure | Least to most, samples |", "| --- | --- | --- | --- |"]
    for row in results["rows"].values():
        for number, (name, found) in enumerate(row["variants"].items()):
            what = f"**{row['title']}**: {row['workload']}" if number == 0 else ""
            spread = f"{short(found['least'])} to {short(found['most'])}, {found['samples']}"
            lines.append(f"| {what} | {name} | **{short(found['figure'])}** {row['metric']} | {spread} |")
    about = results["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return "\n".join([*lines, "", f"*Measured on {about['date']}: {about['machine']}; {versions}.*"])
