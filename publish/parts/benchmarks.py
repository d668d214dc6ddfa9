"""The benchmark's figures on a page: the table, and `{bench ROW/VARIANT}` in a sentence. None is typed anywhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from publish.sources.snippets import Fault

RESULTS = "benchmarks/results.json"
FIGURE = re.compile(r"\{bench (?P<row>[\w-]+)/(?P<variant>[^{}]+)\}")


def read(root: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Return what was measured last, and what is wrong in it; no rows where nothing was measured."""
    file = root / RESULTS
    nothing: dict[str, Any] = {"rows": {}}
    if not file.exists():
        return nothing, []
    try:
        results = json.loads(file.read_text("utf-8"))
        table(results)  # all that a page may ask for
    except json.JSONDecodeError as error:
        return nothing, [Fault(RESULTS, error.lineno, f"is not valid JSON: {error.msg}; run `make bench`")]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return nothing, [Fault(RESULTS, 1, f"is not what the benchmark writes ({error!r}); run `make bench`")]
    return results, []


def short(figure: float) -> str:
    """Return a figure at two digits, and around one at two decimals: more would be noise in a ratio of two timings."""
    if figure < 2:
        return f"{figure:.2f}"
    return f"{figure:.1f}" if figure < 9.95 else f"{float(f'{figure:.2g}'):.0f}"


def fill(root: Path, text: str) -> str:
    """Return the text with its figures in place."""
    if "{bench " not in text:
        return text
    rows = read(root)[0]["rows"]

    def figure(match: re.Match[str]) -> str:
        variant = rows.get(match["row"], {}).get("variants", {}).get(match["variant"])
        return short(variant["figure"]) if variant else match[0]

    return FIGURE.sub(figure, text)


def unknown(root: Path, path: str, text: str) -> Iterator[Fault]:
    """Find figures that no benchmark has measured."""
    rows = read(root)[0]["rows"] if "{bench" in text else {}
    for number, line in enumerate(text.split("\n"), 1):
        for marked in re.findall(r"\{bench\b[^{}]*\}?", line):
            match = FIGURE.fullmatch(marked)
            if not match:
                yield Fault(path, number, f"{marked} is no figure; write {{bench ROW/VARIANT}}")
                continue
            known = list(rows.get(match["row"], {}).get("variants", {}))
            if match["variant"] not in known:
                there = f"{match['row']} has {', '.join(known)}" if known else f"there is {', '.join(rows) or 'none'}"
                yield Fault(path, number, f"no benchmark is called {match['row']}/{match['variant']}; {there}")


def faults(root: Path) -> Iterator[Fault]:
    """Find what is wrong in the results."""
    yield from read(root)[1]


def render(root: Path, _: str) -> str:
    """Return what the line `::: benchmarks table` stands for."""
    results = read(root)[0]
    return table(results) if results["rows"] else "*Nothing was measured yet: `make bench`.*"


def table(results: dict[str, Any]) -> str:
    """Return every row, then where and when it was measured."""
    lines = ["| Measured | Variant | Figure | Middle half; all | Published |", "| --- | --- | --- | --- | --- |"]
    for row in results["rows"].values():
        first, last = f"**{row['title']}**: {row['workload']}", row["published"]
        for name, found in row["variants"].items():
            low, high, least, most = (short(found[name]) for name in ("low", "high", "least", "most"))
            spread = f"{low} to {high}; {found['samples']} samples, {least} to {most}"
            lines.append(f"| {first} | {name} | **{short(found['figure'])}** {row['metric']} | {spread} | {last} |")
            first = last = ""  # both are for the whole row
    about = results["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    where = f"{about['machine']}, at a load of {about['load']}; {versions}"
    return "\n".join([*lines, "", f"*Measured on {about['date']}: {where}.*"])
