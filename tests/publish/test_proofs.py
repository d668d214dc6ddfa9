"""Proofs that lie in the contract: they speak for every program at once."""

from dataclasses import replace
from pathlib import Path

import pytest

from publish.sources import ledger
from publish.sources.course import Course
from publish.sources.proofs import NOT_RUN, Proof
from tests.publish.conftest import Prove, Write

CODE = "# --8<-- [start:read]\n1\n# --8<-- [end:read]\n"
FILES = {
    "snippets/shop/get.py": CODE,
    "snippets/shop/put.py": CODE,
    ledger.CONTRACT: "def test_every_pattern_has_one_type(): ...\n\n\ndef test_file_is_short(): ...\n",
}
PATHS = ("snippets/shop/get.py", "snippets/shop/put.py")


@pytest.fixture
def course(write: Write, prove: Prove) -> Path:
    root = write(FILES)
    prove(*PATHS)
    return root


def proof(root: Path) -> Proof:
    (found,) = Course(root).proofs["every_pattern_has_one_type"]
    return found


def test_contract_proves_what_every_program_passed(course: Path) -> None:
    assert proof(course) == Proof(
        "every_pattern_has_one_type", "", "Python", ledger.CONTRACT, 1, ledger.PASSED, "2026-01-02"
    )
    assert "file_is_short" not in Course(course).proofs, "no run's outcome says anything of it"


def test_contract_fails_with_one_program(course: Path) -> None:
    rows = ledger.Ledger(course).rows
    ledger.save(course, {**rows, PATHS[1]: replace(rows[PATHS[1]], failures={ledger.RUN: "failed"})})
    assert proof(course).outcome == "failed"


@pytest.mark.parametrize("path", PATHS)
def test_contract_proves_nothing_once_a_program_has_changed(course: Path, path: str) -> None:
    (course / path).write_text(CODE + "# changed\n", "utf-8")
    assert proof(course).outcome == NOT_RUN


def test_contract_proves_nothing_while_a_program_was_never_run(course: Path, prove: Prove) -> None:
    prove(PATHS[0])
    assert proof(course).outcome == NOT_RUN
