"""Drive a program in Python from outside: a line of JSON says what to do, a line of JSON what came of it.

Started by harness/faults/drive.py, as `python -m harness.faults.driver EXAMPLE URL DATABASE`; there stand both forms.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.load import load

ROOT = Path(__file__).resolve().parent.parent.parent


def outcome(operation: Callable[..., Any], arguments: list[Any]) -> dict[str, Any]:
    """Return what a call answered or raised, and the seconds that it took."""
    started = time.monotonic()
    try:
        found = {"gets": operation(*arguments)}
    except BaseException as error:  # a caller may also be cancelled
        found = {"raises": f"{type(error).__name__}: {error}"}
    return {**found, "seconds": time.monotonic() - started}


def at_once(operation: Callable[..., Any], arguments: list[Any], callers: int) -> list[dict[str, Any]]:
    """Return what so many callers got who called at the same moment, each in a thread of its own."""
    found: list[dict[str, Any]] = []
    start = threading.Barrier(callers)

    def call() -> None:
        start.wait(60)
        found.append(outcome(operation, arguments))

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main(example: str, url: str, database: str) -> None:
    """Serve lines until there are no more."""
    program = load(ROOT / "snippets" / f"{example}.py")
    operations = load(ROOT / "tests" / "faults" / f"{example}.py").operations(program, url, database)
    print(json.dumps({"ready": sorted(operations)}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        found = at_once(operations[asked["do"]], asked["with"], asked["callers"])
        print(json.dumps({"found": found, "counts": operations["counts"]()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
