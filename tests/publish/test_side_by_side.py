"""Work in several processes gives what it gives in one, and loses neither an error nor a warning."""

import logging
import os
import signal

import pytest

from publish.pages.side_by_side import FEWEST, side_by_side

THINGS = list(range(FEWEST + 3))


def squares(things: list[int]) -> dict[str, tuple[int, int]]:
    """Return each number's square, and the process that made it."""
    return {str(one): (one * one, os.getpid()) for one in things}


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_each_process_makes_its_share(processes: int) -> None:
    made = side_by_side(THINGS, squares, processes)
    assert {name: square for name, (square, _) in made.items()} == {str(one): one * one for one in THINGS}
    assert len({process for _, process in made.values()}) == processes


def test_few_things_are_made_here() -> None:
    made = side_by_side(THINGS[: FEWEST - 1], squares, 2)
    assert {process for _, process in made.values()} == {os.getpid()}


@pytest.mark.parametrize("end", ["raise", "warn", "die"])
def test_a_share_that_is_not_made_elsewhere_is_made_here(end: str, caplog: pytest.LogCaptureFixture) -> None:
    here = os.getpid()

    def work(things: list[int]) -> dict[str, tuple[int, int]]:
        if os.getpid() != here:
            if end == "raise":
                raise ValueError("elsewhere")
            if end == "warn":
                logging.getLogger("mkdocs.any").warning("a link leads nowhere")
            if end == "die":
                os.kill(os.getpid(), signal.SIGKILL)
        return squares(things)

    made = side_by_side(THINGS, work, 2)
    assert [process for _, process in made.values()] == [here] * len(THINGS)


def test_an_error_of_another_share_is_raised_and_its_warning_logged(caplog: pytest.LogCaptureFixture) -> None:
    def work(things: list[int]) -> dict[str, tuple[int, int]]:
        if THINGS[1] in things:
            logging.getLogger("mkdocs.any").warning("a link leads nowhere")
            raise ValueError("wrong page")
        return squares(things)

    with pytest.raises(ValueError, match="wrong page"):
        side_by_side(THINGS, work, 2)
    assert [record.getMessage() for record in caplog.records] == ["a link leads nowhere"]
