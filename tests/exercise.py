"""Check a student's solution: `python -m tests.exercise 1` (make exercise N=1).

The first time it copies the starter to where it can be edited. Then it says in words what is missing, until nothing is.
"""

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import yaml

from publish import snippets
from tests.servers import Server
from tests.toolchain import run

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "_course" / "exercises.yml"
LIMIT = 10.0  # seconds for all checks together

Check = Callable[[ModuleType, str], str | None]


class Exercise(NamedTuple):
    """A row of the table."""

    number: int
    folder: str  # below snippets/ and tests/
    page: str
    minutes: int

    @property
    def file(self) -> str:
        """Where the student works, below the repository."""
        return f"exercises/{self.number}-{self.folder.rpartition('/')[2]}.py"

    @property
    def checks(self) -> list[Check]:
        """What the solution must fulfil, in order."""
        checks: list[Check] = load(ROOT / "tests" / self.folder / "checks.py").CHECKS
        return checks


def table() -> dict[str, Exercise]:
    """Return the exercises by number."""
    rows = yaml.safe_load(TABLE.read_text("utf-8"))
    return {str(row["number"]): Exercise(**row) for row in rows}


def load(path: Path) -> ModuleType:
    """Import a file, wherever it lies."""
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def check_all(exercise: Exercise, path: Path, url: str) -> int:
    """Run the checks on the file at `path`, a line or two for each.

    Return 0 if all are fulfilled, else 1; 2 if none could run.
    """
    try:
        student = load(path)
    except (Exception, SystemExit) as error:
        print(f"{exercise.file} cannot be loaded: it stops with {words(error, path)}")
        return 2
    failed = 0
    for check in exercise.checks:
        try:
            missing = check(student, url)
        except (Exception, SystemExit) as error:
            missing = f"Your program stops with {words(error, path)}"
        print(f"{'✗' if missing else '✓'} {check.__name__.replace('_', ' ')}", flush=True)
        if missing:
            print(f"  {missing}", flush=True)
            failed = 1
    return failed


def words(error: BaseException, path: Path) -> str:
    """Say what was raised, and at which line of the student's file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{type(error).__name__}: {error}" + (f", at line {lines[-1]}." if lines else ".")


def main(arguments: list[str], home: Path = ROOT) -> None:
    """Run one exercise for the student who works below `home`. Leaves with exit code 1 until it is solved."""
    exercises = table()
    if len(arguments) != 1 or arguments[0] not in exercises:
        known = ", ".join(exercises)
        given = " ".join(arguments)
        sys.exit(f"{f'There is no exercise {given}' if given else 'Say which exercise'}; there is {known}: "
                 f"make exercise N={next(iter(exercises))}")  # fmt: skip
    exercise = exercises[arguments[0]]
    path = home / exercise.file
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(snippets.read(ROOT).examples[f"{exercise.folder}/starter"][".py"].whole, "utf-8")
        print(f"Your file is {exercise.file}. Mend it there, then run this command again.\n")
    try:
        compile(path.read_text("utf-8"), str(path), "exec")
    except (SyntaxError, UnicodeDecodeError) as error:
        at = f" at line {error.lineno}" if isinstance(error, SyntaxError) else ""
        sys.exit(f"{exercise.file} is not yet Python: {getattr(error, 'msg', error)}{at}.")
    server = Server()
    try:
        command = [sys.executable, "-m", "tests.exercise", "--check", arguments[0], str(path), server.url]
        result = run(command, ROOT, LIMIT)
    except TimeoutError:
        sys.exit(f"{exercise.file} still ran after {LIMIT:g} s and was stopped; look for a loop that does not end.")
    finally:
        server.stop()
    print(result.stderr + result.stdout, end="", flush=True)
    if result.returncode:
        sys.exit(f"\nNot yet. The page has hints: docs/{exercise.page}" if result.returncode == 1 else 1)
    print(f"\nSolved. Well done! Compare with the solution on the page: docs/{exercise.page}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:  # in a process of its own, which can be stopped
        number, file, address = sys.argv[2:]
        sys.exit(check_all(table()[number], Path(file), address))
    main([argument for argument in sys.argv[1:] if argument])
