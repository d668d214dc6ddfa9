"""Work on many things in several processes at once, where the system can copy one that is running."""

import contextlib
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import TypeVar

Thing = TypeVar("Thing")
Made = TypeVar("Made")
Work = Callable[[list[Thing]], Mapping[str, Made]]

FEWEST = 4  # of fewer things none is worth a process
MOST = 4  # processes


def processors() -> int:
    """Return how many processes may work at once: one where a copy of a running process is not safe."""
    return min(len(os.sched_getaffinity(0)), MOST) if sys.platform == "linux" else 1


class Unsound(logging.Handler):
    """Ends, at the first warning, work whose warnings nobody would see."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """End it."""
        raise RuntimeError(record.getMessage())


def side_by_side(things: list[Thing], work: Work[Thing, Made], processes: int) -> dict[str, Made]:
    """Return what `work` makes of all things. Each process gets a share, and what it changes beside that is lost.

    A share that is not made elsewhere is made here, where its error is raised or its warning logged as ever.
    """
    count = processes if len(things) >= FEWEST else 1
    mine, *others = [things[start::count] for start in range(count)]
    elsewhere = [(share, start(share, work)) for share in others]
    made = dict(work(mine))
    for share, answer in elsewhere:
        found = None
        with contextlib.suppress(EOFError, OSError):
            found = answer.recv()
        answer.close()
        made.update(work(share) if found is None else found)
    return made


def start(share: list[Thing], work: Work[Thing, Made]) -> Connection:
    """Begin the work on a share in a process of its own, and return where its answer will come from."""
    context = multiprocessing.get_context("fork")
    answer, tell = context.Pipe(duplex=False)

    def run() -> None:
        logging.getLogger().addHandler(Unsound())
        made = None
        with contextlib.suppress(Exception):
            made = work(share)
        tell.send(made)

    context.Process(target=run, daemon=True).start()
    tell.close()
    return answer
