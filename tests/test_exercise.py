"""`make exercise` from the student's side: what it says, at each step and at each mistake."""

from pathlib import Path

import pytest

from tests import exercise

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
        (["7"], "There is no exercise 7; there is 1: make exercise N=1\n"),
        (["one"], "There is no exercise one; there is 1: make exercise N=1\n"),
        ([], "Say which exercise; there is 1: make exercise N=1\n"),
    ],
)
def test_wrong_number_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert say(tmp_path, capfd, *arguments) == (1, said)
    assert not (tmp_path / "exercises").exists()


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
    old = "        cached = self.cache.get("
    text = SOLUTION.replace(old, f"        {bad}\n{old}")
    file.write_text(text, "utf-8")
    line = text.splitlines().index(f"        {bad}") + 1
    code, output = say(tmp_path, capfd, "1")
    assert code == 1
    assert output.count("✗") == 3
    assert f", at line {line}." in output
    assert "Traceback" not in output


def test_limit_is_ten_seconds() -> None:
    assert exercise.LIMIT == 10


def test_every_exercise_has_all_its_parts() -> None:
    exercises = exercise.table()
    folders = {file.parent for file in (exercise.ROOT / "snippets" / "exercises").rglob("starter.*")}
    assert {exercise.ROOT / "snippets" / one.folder for one in exercises.values()} == folders
    for one in exercises.values():
        page = (exercise.ROOT / "docs" / one.page).read_text("utf-8")
        assert f"make exercise N={one.number}" in page
        assert one.file in page
        assert f"{one.minutes} minutes" in page
        assert len(one.checks) >= 1
