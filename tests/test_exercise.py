"""`make exercise` from the student's side: what it says, at each step and at each mistake."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import toolchain
from practice import exercise, program
from publish.sources import snippets

SOLUTION = (exercise.ROOT / "snippets/exercises/cache-aside/solution.py").read_text("utf-8")


def say(home: Path, capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """Return the exit code and all that is printed. An exit with words is code 1."""
    code: object = 0
    try:
        exercise.main(list(arguments), home)
    except SystemExit as exit:
        code = exit.code
    output = capfd.readouterr()
    words = f"{code}\n" if isinstance(code, str) else ""
    return (1 if isinstance(code, str) else code), output.out + output.err + words


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "exercises").mkdir()
    return tmp_path / "exercises" / "1-cache-aside.py"


def test_first_run_brings_the_starter_and_says_what_is_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, output = say(tmp_path, capfd, "1")
    assert code == 1
    assert output.startswith("Your file is exercises/1-cache-aside.py.")
    assert output.count("✗ ") == 3 and "✓" not in output
    assert output.endswith("Not yet. The page has hints: docs/exercises/cache-aside.md\n")
    text = (tmp_path / "exercises/1-cache-aside.py").read_text("utf-8")
    assert "class Products" in text
    assert "--8<--" not in text


def test_later_runs_keep_the_students_file_and_count_what_is_mended(
    tmp_path: Path, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    half = SOLUTION.replace("MISSING_TTL = 60 ", "MISSING_TTL = 3600 ")
    file.write_text(half, "utf-8")
    code, output = say(tmp_path, capfd, "1")
    assert code == 1
    assert [line[0] for line in output.splitlines() if line.startswith(("✓", "✗"))] == ["✓", "✓", "✗"]
    assert file.read_text("utf-8") == half


def test_solution_is_congratulated_and_led_to_the_page(
    tmp_path: Path, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text(SOLUTION, "utf-8")
    code, output = say(tmp_path, capfd, "1")
    assert code == 0
    assert output.count("✓ ") == 3 and "✗" not in output
    assert "Solved. Well done! Compare with the solution on the page: docs/exercises/cache-aside.md" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["7"], "There is no exercise 7; there is 1, 2, 3: make exercise N=1\n"),
        (["one"], "There is no exercise one; there is 1, 2, 3: make exercise N=1\n"),
        ([], "Say which exercise; there is 1, 2, 3: make exercise N=1\n"),
        (["1", "csharp"], "Exercise 1 is not in csharp, but in python: make exercise N=1 IN=python\n"),
        (["2", "java"], "Exercise 2 is not in java, but in python, csharp, node: make exercise N=2 IN=python\n"),
    ],
)
def test_wrong_number_or_language_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert say(tmp_path, capfd, *arguments) == (1, said)
    assert not (tmp_path / "exercises").exists()


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A function that writes the only starter of exercise 1, by its suffix, and its checks."""

    def write(suffix: str, checks: str) -> None:
        root = tmp_path / "root"
        for path, text in (
            (f"snippets/exercises/cache-aside/starter{suffix}", "a = 1\n"),
            ("practice/exercises/cache-aside/checks.py", checks),
        ):
            (root / path).parent.mkdir(parents=True)
            (root / path).write_text(text, "utf-8")
        known = exercise.table()
        monkeypatch.setattr(exercise, "ROOT", root)
        monkeypatch.setattr(exercise, "table", lambda: known)

    return write


def test_exercise_in_a_language_without_a_toolbox_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], written: Callable[[str, str], None]
) -> None:
    written("_async.py", "")
    said = "Exercise 1 is in Python (async), which practice/program.py has no toolbox for; add one there.\n"
    assert say(tmp_path, capfd, "1") == (1, said)
    assert say(tmp_path, capfd, "1", "python") == (1, said)


def test_exercise_in_one_language_that_is_not_python_is_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], written: Callable[[str, str], None]
) -> None:
    written(".mjs", "def it_ends(program, url):\n    program.run(url)\nCHECKS = [it_ends]\n")
    assert say(tmp_path, capfd, "1")[1] == "Exercise 1 is not in python, but in node: make exercise N=1 IN=node\n"
    code, output = say(tmp_path, capfd, "1", "node")
    assert (code, output.splitlines()[0]) == (
        1,
        "Your file is exercises/1-cache-aside.mjs. Mend it there, then run this command again.",
    )
    assert "\n✗ it ends\n  Your program stops with ReferenceError: a is not defined, at line 1.\n" in output


def test_every_starter_can_be_checked() -> None:
    for number, one in exercise.table().items():
        unknown = [snippet.path for snippet in one.written if snippet.language not in program.TOOLBOXES]
        assert not unknown, f"exercise {number} has {unknown}, and practice/program.py no toolbox for that"


NAME = "exercises/1-cache-aside.py"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\nb = (\n", f"{NAME} is not yet Python: '(' was never closed at line 2.\n"),
        ("a = 1\nb = c\n", f"{NAME} cannot be loaded: it stops with NameError: name 'c' is not defined, at line 2.\n"),
        ("exit(0)\n", f"{NAME} cannot be loaded: it stops with SystemExit: 0, at line 1.\n"),
        (
            "while True:\n    pass\n",
            f"{NAME} still ran after 2 s and was stopped; look for a loop that does not end.\n",
        ),
    ],
)
def test_mistake_in_the_file_is_one_sentence(
    tmp_path: Path, file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    if "ran after" in said:  # a busy machine may take longer than that to find the others
        monkeypatch.setattr(exercise, "LIMIT", 2.0)
    file.write_text(text, "utf-8")
    assert say(tmp_path, capfd, "1") == (1, said)


def test_file_that_is_not_utf8_is_one_sentence(tmp_path: Path, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(b"a = '\xe9'\n")
    code, output = say(tmp_path, capfd, "1")
    assert code == 1
    assert output.startswith(f"{NAME} is not yet Python: ") and "Traceback" not in output


@pytest.mark.parametrize("bad", ["raise KeyError(product_id)", "exit(0)"])
def test_program_that_stops_in_a_check_is_named_with_its_line(
    tmp_path: Path, file: Path, capfd: pytest.CaptureFixture[str], bad: str
) -> None:
    old = "        cached = self.known("
    text = SOLUTION.replace(old, f"        {bad}\n{old}")
    file.write_text(text, "utf-8")
    line = text.splitlines().index(f"        {bad}") + 1
    code, output = say(tmp_path, capfd, "1")
    assert code == 1
    assert output.count("✗") == 3
    assert f", at line {line}." in output
    assert "Traceback" not in output


def test_limits_are_those_that_the_student_is_told() -> None:
    assert exercise.LIMIT == 10
    assert program.LIMIT == 5


# A program in several languages

STEMS = {"python": ".py", "csharp": ".cs", "node": ".mjs"}
EXAMPLES = snippets.read(exercise.ROOT).examples


@pytest.fixture
def write(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., str]:
    """A function: write a student's file from a solution, with one text replaced; returns its name."""
    (tmp_path / "exercises").mkdir()
    (tmp_path / "node_modules").symlink_to(exercise.ROOT / "node_modules")

    def into(language: str, old: str = "", new: str = "") -> str:
        solution = EXAMPLES["exercises/load-once/solution"][STEMS[language]]
        toolchain.need(solution.language.tool)
        text = solution.whole
        assert old in text
        name = f"exercises/2-load-once{STEMS[language]}"
        (tmp_path / name).write_text(text.replace(old, new, 1) if old else text, "utf-8")
        return name

    return into


@pytest.mark.parametrize("language", STEMS)
def test_starter_comes_in_the_language_that_was_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr(program.Program, "compile", lambda _: sys.exit("enough"))
    monkeypatch.setitem(toolchain.TOOLS, ".NET 10 SDK", ("dotnet", ""))
    name = f"exercises/2-load-once{STEMS[language]}"
    _, output = say(tmp_path, capfd, "2", language)
    assert output == f"Your file is {name}. Complete it there, then run this command again.\n\nenough\n"
    assert "TODO 3" in (tmp_path / name).read_text("utf-8")


@pytest.mark.long
@pytest.mark.parametrize("language", STEMS)
def test_program_in_each_language_is_checked(
    tmp_path: Path, write: Callable[..., str], capfd: pytest.CaptureFixture[str], language: str
) -> None:
    write(language)
    code, output = say(tmp_path, capfd, "2", language)
    assert code == 0, output
    assert output.count("✓ ") == 3
    assert "Solved. Well done! Compare with the solution on the page: docs/exercises/load-once.md" in output


@pytest.mark.parametrize(
    ("language", "old", "new", "said"),
    [
        ("python", "import os\n", "import os (\n", "is not yet Python: invalid syntax at line 6."),
        ("csharp", "using StackExchange.Redis;", "using StackExchange.Redis", "is not yet C#: ; expected at line 5."),
        ("node", "export const TTL = 60;", "export const TTL = ;",
         "is not yet JavaScript: Unexpected token ';' at line 9."),
    ],
)  # fmt: skip
def test_program_that_does_not_compile_is_named_with_its_line(
    tmp_path: Path, write: Callable[..., str], capfd: pytest.CaptureFixture[str],
    language: str, old: str, new: str, said: str
) -> None:  # fmt: skip
    name = write(language, old, new)
    assert say(tmp_path, capfd, "2", language) == (1, f"{name} {said}\n")


@pytest.mark.parametrize(
    ("language", "old", "new", "said"),
    [
        ("python", "    token = secrets", "    raise KeyError(category)\n        token = secrets", "KeyError: 'books'"),
        ("csharp", "var (key", 'throw new InvalidOperationException("gone"); var (key',
         "System.InvalidOperationException: gone"),
        ("node", "const token", 'throw new TypeError("gone"); const token', "TypeError: gone"),
    ],
)  # fmt: skip
def test_program_that_crashes_is_named_with_its_line(
    tmp_path: Path, write: Callable[..., str], capfd: pytest.CaptureFixture[str],
    language: str, old: str, new: str, said: str
) -> None:  # fmt: skip
    lines = (tmp_path / write(language, old, new)).read_text("utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "raise KeyError" in text or "throw new" in text)
    code, output = say(tmp_path, capfd, "2", language)
    assert code == 1
    assert output.count(f"  Your program stops with {said}, at line {line}.") == 3, output


@pytest.mark.long
@pytest.mark.parametrize("language", STEMS)
def test_program_that_hangs_is_stopped(
    tmp_path: Path, write: Callable[..., str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    language: str
) -> None:  # fmt: skip
    monkeypatch.setattr(program, "LIMIT", 1.5)
    waits = {  # without end, and at no processor's cost; the loop of exercise 1 stands above
        "python": ("    token = secrets", "    time.sleep(1e6)\n        token = secrets"),
        "csharp": ("var (key", "Thread.Sleep(Timeout.Infinite); var (key"),
        "node": ("const token", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); const token"),
    }
    write(language, *waits[language])
    started = time.monotonic()
    code, output = say(tmp_path, capfd, "2", language)
    assert code == 1
    assert output.count("  Your program still ran after 1.5 s and was stopped.") == 3, output
    assert time.monotonic() - started < 60


def test_without_dotnet_it_says_so_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(toolchain.TOOLS, ".NET 10 SDK", (None, ""))
    code, output = say(tmp_path, capfd, "2", "csharp")
    assert code == 1
    assert output.startswith("C# needs the .NET 10 SDK, and there is no dotnet here. Get it: https://dot.net")
    assert output.count("\n") == 1
    assert not (tmp_path / "exercises").exists()


# All exercises


def test_there_is_one_of_each_kind() -> None:
    assert sorted(one.kind for one in exercise.table().values()) == sorted(exercise.TASKS)


def test_every_exercise_has_all_its_parts() -> None:
    exercises = exercise.table()
    folders = {file.parent for file in (exercise.ROOT / "snippets" / "exercises").rglob("starter.*")}
    assert {exercise.ROOT / "snippets" / one.folder for one in exercises.values()} == folders
    assert "::: exercises table" in (exercise.ROOT / "docs/exercises/index.md").read_text("utf-8")
    for one in exercises.values():
        page = (exercise.ROOT / "docs" / one.page).read_text("utf-8")
        for language in one.starters:
            assert f"make exercise N={one.number}{'' if language == 'python' else f' IN={language}'}`" in page
            assert one.file(language) in page
        assert f"{one.minutes} minutes** {'in a classroom' if one.where == 'classroom' else 'of homework'}" in page
        assert EXAMPLES[f"{one.folder}/solution"].keys() == EXAMPLES[f"{one.folder}/starter"].keys()
        assert len(one.checks) >= 1
