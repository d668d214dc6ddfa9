"""Check a student's solution: `python -m practice.exercise 2 csharp` (make exercise N=2 IN=csharp).

The first time it copies the starter to where it can be edited. Then it says in words what is missing, until nothing is.
An exercise in Python alone is checked through its functions; one in several languages as a program that is run.
"""

import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import toolchain
from harness.load import load
from harness.servers import Server
from practice.program import TOOLBOXES, Program, ProgramError
from publish.parts import exercises
from publish.sources import snippets
from publish.sources.course import Course
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 10.0  # seconds for all checks together, where they call the student's functions

TASKS = {"complete": "Complete", "repair": "Mend", "write": "Write"}  # what the student does, by the kind of exercise
Check = Callable[[Any, str], str | None]  # the student's module or program, and an empty Redis


class Exercise(exercises.Exercise):
    """An exercise as a student does it here."""

    @property
    def starters(self) -> dict[str, Snippet]:
        """What the student starts from, by language."""
        known = [snippet for snippet in self.written if snippet.language in TOOLBOXES]
        return {TOOLBOXES[snippet.language].name: snippet for snippet in known}

    @property
    def written(self) -> list[Snippet]:
        """The starters that there are, also those that nothing here can check."""
        return list(snippets.read(ROOT).examples[f"{self.folder}/starter"].values())

    def file(self, language: str = "python") -> str:
        """Where the student works, below the repository."""
        suffix = self.starters[language].language.suffix
        return f"exercises/{self.number}-{self.folder.rpartition('/')[2]}{suffix}"

    @property
    def checks(self) -> list[Check]:
        """What the solution must fulfil, in order."""
        return checks_of(self.folder)


def checks_of(folder: str) -> list[Check]:
    """Return the checks of an exercise by its folder."""
    checks: list[Check] = load(ROOT / "practice" / folder / "checks.py").CHECKS
    return checks


def table() -> dict[str, Exercise]:
    """Return the exercises by number. Leaves with what is wrong in their table, if anything is."""
    found, faults, _ = exercises.read(Course(ROOT))
    if faults:
        sys.exit("\n".join(map(str, faults)))
    return {str(one.number): Exercise(**vars(one)) for one in found}


def check_all(checks: list[Check], student: Any, path: Path, url: str) -> int:
    """Run the checks on a student's module or program, a line or two for each. Return 0 if all are fulfilled, or 1."""
    failed = 0
    for check in checks:
        try:
            missing = check(student, url)
        except ProgramError as error:
            missing = str(error)
        except NotImplementedError as error:
            missing = f"`{traceback.extract_tb(error.__traceback__)[-1].name}` is not written yet."
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


def check_module(folder: str, file: str, path: Path, url: str) -> int:
    """Import the file at `path` and check it. Return 0 if it is solved, 1 if not, 2 if it cannot be loaded."""
    try:
        student = load(path)
    except (Exception, SystemExit) as error:
        print(f"{file} cannot be loaded: it stops with {words(error, path)}")
        return 2
    return check_all(checks_of(folder), student, path, url)


def check_in_process(exercise: Exercise, path: Path, url: str) -> int:
    """Do the same in a process of its own, which can be stopped."""
    command = [sys.executable, "-m", "practice.exercise", "--check", exercise.folder, exercise.file(), str(path), url]
    try:
        result = toolchain.run(command, ROOT, LIMIT, REDIS_URL=url)  # whatever the student's file asks for
    except TimeoutError:
        sys.exit(f"{exercise.file()} still ran after {LIMIT:g} s and was stopped; look for a loop that does not end.")
    print(result.stderr + result.stdout, end="", flush=True)
    return result.returncode


def choose(arguments: list[str]) -> tuple[Exercise, str]:
    """Return the exercise and the language that a student named. Leaves in a sentence where there is no such thing."""
    known = table()
    number, language = (*arguments, "", "")[:2]
    if number not in known or len(arguments) > 2:
        given = " ".join(arguments)
        sys.exit(f"{f'There is no exercise {given}' if given else 'Say which exercise'}; there is "
                 f"{', '.join(known)}: make exercise N={next(iter(known))}")  # fmt: skip
    exercise, language = known[number], language or "python"
    if not exercise.starters:
        labels = ", ".join(snippet.language.label for snippet in exercise.written)
        sys.exit(f"Exercise {number} is in {labels}, which practice/program.py has no toolbox for; add one there.")
    if language not in exercise.starters:
        sys.exit(f"Exercise {number} is not in {language}, but in {', '.join(exercise.starters)}: "
                 f"make exercise N={number} IN={next(iter(exercise.starters))}")  # fmt: skip
    of = exercise.starters[language].language
    if not toolchain.has(of.tool):
        sys.exit(f"{of.label} needs {of.needs}, and there is no {of.program} here. Get it: {of.get}.")
    return exercise, language


def main(arguments: list[str], home: Path = ROOT) -> None:
    """Run one exercise for the student who works below `home`. Leaves with exit code 1 until it is solved."""
    exercise, language = choose(arguments)
    file = exercise.file(language)
    path = home / file
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(exercise.starters[language].whole, "utf-8")
        print(f"Your file is {file}. {TASKS[exercise.kind]} it there, then run this command again.\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="exercise-") as folder:
        program = Program(path, folder)
        try:
            program.compile()
        except (ProgramError, TimeoutError) as error:
            sys.exit(f"{file} {error}")
        server = Server()
        try:
            if [*exercise.starters] == ["python"]:
                code = check_in_process(exercise, path, server.url)
            else:
                code = check_all(exercise.checks, program, path, server.url)
        finally:
            server.stop()
    if code:
        sys.exit(f"\nNot yet. The page has hints: docs/{exercise.page}" if code == 1 else 1)
    print(f"\nSolved. Well done! Compare with the solution on the page: docs/{exercise.page}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        folder, shown, student, address = sys.argv[2:]
        sys.exit(check_module(folder, shown, Path(student), address))
    main([argument for argument in sys.argv[1:] if argument])
