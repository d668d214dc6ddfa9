"""Test what an edit needs: the press, and each example that has changed since it was last run (make test-quick)."""

import subprocess
import sys
from pathlib import Path

from publish.sources import ledger, snippets

ROOT = Path(__file__).resolve().parent.parent
# It runs programs to hold questions against what they print. The press holds them against what is stored, which those
# that have not changed print, as their rows in the ledger say; those that have, run below.
TRACED = "tests/publish/test_quiz.py::test_traced_program_prints_the_right_option"


def changed(library: snippets.Snippets) -> list[str]:
    """Return the paths of the snippets whose row in the ledger is missing, stale or red."""
    rows = ledger.Ledger(ROOT)
    return [one.path for one in library.files if rows.problem(one)]


def main() -> None:
    """Run pytest on the press, then on the tests and the programs of what has changed."""
    library = snippets.read(ROOT)
    paths = changed(library)
    print(f"Changed since they were run: {', '.join(paths) or 'no snippets'}.", flush=True)
    press = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--numprocesses",
        "2",
        "--dist",
        "loadscope",
        "tests/publish",
        "-m",
        "not browser",
    ]
    press += ["-m", "not browser", "--deselect", TRACED]
    code = subprocess.run(press, cwd=ROOT).returncode
    edited = [one for one in library.files if one.path in paths]  # other languages of an example have run as they are
    if edited:
        tests = {one.language.test_path(one.example) for one in edited}
        words = " or ".join(sorted({*paths, *(Path(path).name for path in tests)}))
        files = sorted(path for path in tests if (ROOT / path).exists())
        command = [sys.executable, "-m", "pytest", "-q", *files, "tests/test_contract.py", "-k", words]
        code = subprocess.run(command, cwd=ROOT).returncode or code
    sys.exit(code)


if __name__ == "__main__":
    main()
