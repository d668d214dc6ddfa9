"""The ledger: which snippet was run, on which versions, by which tests, with what outcome, and when."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from publish.sources.files import Fault, digest
from publish.sources.snippets import Snippet, Snippets

FILE = "ledger.json"
PASSED = "passed"
RUN = "prints what is stored"  # the outcome of running the program itself, beside those of its tests
CONTRACT = "tests/test_contract.py"  # runs every program
RUNS = ("prints_what_is_stored", "every_pattern_has_one_type")  # its tests, of which the worst is the outcome of a run

Ledger = dict[str, dict[str, Any]]


COLUMNS = {"date": str, "hashes": dict, "versions": dict, "outcomes": dict}


def load(root: Path) -> Ledger:
    """Return the rows by snippet path; none where nothing has been run yet, or where the file cannot be read."""
    return {} if list(faults(root)) else read(root)


def read(root: Path) -> Ledger:
    """Return the rows. Raises ValueError if the file is not JSON."""
    file = root / FILE
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def faults(root: Path) -> Iterator[Fault]:
    """Find a ledger that cannot be read, after a merge perhaps. A run of the tests writes a new one."""
    mend = "delete the file and run `make test`"
    try:
        rows = read(root)
    except ValueError as error:
        yield Fault(FILE, getattr(error, "lineno", 1), f"cannot be read ({error}); {mend}")
        return
    if not isinstance(rows, dict):
        yield Fault(FILE, 1, f"does not hold rows by path; {mend}")
        return
    for path, row in rows.items():
        if not all(isinstance(row, dict) and isinstance(row.get(name), kind) for name, kind in COLUMNS.items()):
            yield Fault(FILE, 1, f"the row of {path} lacks one of {', '.join(COLUMNS)}; {mend}")


def save(root: Path, ledger: Ledger) -> None:
    """Write all rows in the order of their paths, whole or not at all."""
    draft = root / (FILE + ".new")
    draft.write_text(json.dumps(dict(sorted(ledger.items())), indent=2, ensure_ascii=False) + "\n", "utf-8")
    draft.replace(root / FILE)


def hashes(root: Path, snippets: Snippets, snippet: Snippet) -> dict[str, Any]:
    """Return what a row is bound to: the hashes of the file, its sections, its stored output and its tests."""
    tests = root / snippet.language.test_path(snippet.example)
    return {
        "file": digest(snippet.text),
        "sections": {name: digest(section.code) for name, section in snippet.sections.items()},
        "output": digest(snippets.outputs.get(snippet.example, "")),
        "tests": digest(tests.read_text("utf-8")) if tests.exists() else "",
    }


def problem(root: Path, snippets: Snippets, ledger: Ledger, snippet: Snippet) -> str:
    """Say why a snippet may not carry its badge; an empty string where it may."""
    row = ledger.get(snippet.path)
    if row is None:
        return "was never run"
    if row["hashes"] != hashes(root, snippets, snippet):
        return "has changed since it was last run, or its tests or its output have"
    failed = [name for name, outcome in row["outcomes"].items() if outcome != PASSED]
    return f"did not pass: {', '.join(failed)}" if failed else ""
