"""The starter is a specification, and each check says what is not written yet."""

from pathlib import Path
from types import ModuleType

import pytest

from practice import exercise


def test_starter_specifies_and_does_nothing(
    example: ModuleType, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert all(getattr(example.Products, name).__doc__ for name in ("update", "delete", "offer"))
    checks = exercise.table()["3"].checks
    assert exercise.check_all(checks, example, Path(str(example.__file__)), redis_url) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines[::2]] == ["✗"] * len(checks)
    assert set(lines[1::2]) == {"  `update` is not written yet."}
