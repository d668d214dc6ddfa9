"""What the exercise on a lock asks for. Each check runs the program as one caller among others, in any language.

It returns in words what is missing and why, or nothing.
"""

import itertools
import re
import time
from concurrent.futures import Future
from typing import Any, NamedTuple

import redis

from practice.program import HungError, Program, ProgramError

CACHE, LOCK = "cache:toplist:books", "lock:toplist:books"
THEIRS = "stored by another caller"
TOKEN = "another caller's token"


class Said(NamedTuple):
    """What a caller printed."""

    value: str
    loads: int


class Stage:
    """An empty Redis, and on it one caller: the student's program. The other callers are played by the check."""

    def __init__(self, program: Program, url: str) -> None:
        self.program, self.url = program, url
        self.redis = redis.Redis.from_url(url, decode_responses=True)
        self.redis.client_unpause()
        self.redis.flushdb()

    def caller(self) -> "Future[str]":
        """Start a caller that wants the bestsellers among the books."""
        return self.program.start(self.url, "books")

    def caller_at_the_lock(self) -> "Future[str]":
        """Start one, and stop it between its look into the empty cache and the lock: Redis answers reads only."""
        self.redis.client_pause(60_000, all=False)
        caller = self.caller()
        while not caller.done() and not any("b" in client["flags"] for client in self.redis.client_list()):
            time.sleep(0.01)
        return caller

    def unpause(self, their_value: str | None = None, their_lock: int | None = None) -> None:
        """Let the caller go on; first another may have stored its value, or hold the lock for so many milliseconds."""
        with self.redis.pipeline(transaction=False) as batch:  # sent at once, so nothing comes between
            batch.client_unpause()
            if their_value is not None:
                batch.set(CACHE, their_value, ex=60)
            if their_lock is not None:
                batch.set(LOCK, TOKEN, px=their_lock)
            batch.execute()

    def commands_of_a_caller(self) -> list[str]:
        """Let a caller run, and return what it sent to Redis, without what its Lua scripts do there."""
        monitor: Any = self.redis.monitor()  # type: ignore[no-untyped-call]
        with monitor:
            self.wait(self.caller())
            self.redis.echo("the end")
            sent = iter(lambda: monitor.next_command(), None)
            before_end = itertools.takewhile(lambda one: "the end" not in one["command"], sent)
            return [one["command"] for one in before_end if one["client_type"] != "lua"]

    @staticmethod
    def wait(caller: "Future[str]") -> Said:
        """Return what a caller said in the end. Raises ProgramError if that cannot be understood."""
        printed = caller.result()
        found = re.search(r"^books: (.*), database loads: (\d+)$", printed, re.MULTILINE)
        if found is None:
            raise ProgramError(
                "Started with the word `books`, your program should print `books: …, database loads: …`; it printed "
                f"{printed.strip() or 'nothing'!r}. Keep `main` as it was."
            )
        return Said(found[1], int(found[2]))


def a_caller_that_finds_the_lock_taken_waits(program: Program, url: str) -> str | None:
    """Let another caller hold the lock for a while, then store the list; or die."""
    stage = Stage(program, url)
    stage.redis.set(LOCK, TOKEN, px=30_000)
    caller = stage.caller_at_the_lock()
    stage.unpause()
    time.sleep(0.6)  # the other caller's query
    stage.redis.set(CACHE, THEIRS, ex=60)
    time.sleep(0.2)
    stage.redis.delete(LOCK)
    said = Stage.wait(caller)
    if said.loads:
        return (
            "A caller finds the lock taken, and runs the query all the same. If 50 callers miss at once, that is 50 "
            "queries at once, and the lock is of no use. Let it wait, and look again."
        )
    if said.value != THEIRS:
        return f"A caller that waits should return what the other caller stores; it returned {said.value!r}."

    stage = Stage(program, url)
    caller = stage.caller_at_the_lock()
    stage.unpause(their_lock=700)
    try:
        said = Stage.wait(caller)
    except HungError:
        return (
            "The caller that held the lock has died, its lock has expired, and nothing was stored. The caller that "
            "waits does so for ever. Let it try for the lock again each time it has looked in vain."
        )
    if said.loads != 1:
        return (
            "The caller that held the lock has died without storing anything, and the one that waited returned "
            f"{said.value!r} without running the query. It should take the expired lock, and load."
        )
    return None


def a_caller_that_gets_the_lock_late_does_not_load_again(program: Program, url: str) -> str | None:
    """Between its look into the cache and its lock, let another caller store the list."""
    stage = Stage(program, url)
    caller = stage.caller_at_the_lock()
    stage.unpause(their_value=THEIRS)
    said = Stage.wait(caller)
    if said.loads:
        return (
            "A caller finds the cache empty. Before it asks for the lock, another caller stores the list and gives "
            "the lock back. Yours gets the lock, and runs the query a second time. Once you hold the lock, look into "
            "the cache again."
        )
    if said.value != THEIRS:
        return f"A caller that gets the lock late should return what lies in the cache; it returned {said.value!r}."
    if stage.redis.exists(LOCK):
        return "A caller that finds the list once it holds the lock keeps the lock. Release it on that way out too."
    return None


def a_lock_is_released_by_its_owner_alone(program: Program, url: str) -> str | None:
    """Give the lock to another caller while the query runs; then watch how an own lock is deleted."""
    stage = Stage(program, url)
    caller = stage.caller()
    while not (taken := stage.redis.set(LOCK, TOKEN, xx=True, px=30_000)) and not caller.done():
        time.sleep(0.005)
    said = Stage.wait(caller)
    if said.loads != 1:
        return f"A caller that is alone should run the query once; it ran {said.loads} times."
    if not taken:
        return f"A caller that is alone ran the query without the lock {LOCK}. Keep the `SET … NX` of the starter."
    if stage.redis.get(LOCK) != TOKEN:
        return (
            "The query outlasts the lock: it expires, and another caller takes it. Yours then deletes the other "
            "caller's lock, and a third can load beside it. Delete the lock only if it holds your token."
        )

    stage = Stage(program, url)
    commands = stage.commands_of_a_caller()
    if stage.redis.exists(LOCK):
        return "The list is stored, and the lock stays: nobody can load again until it expires. Release your own lock."
    if any(re.match(rf"(?i)(DEL|UNLINK) .*{LOCK}", line) for line in commands) and f"WATCH {LOCK}" not in commands:
        return (
            "The lock is compared and deleted in two steps. Between them it can expire and become another caller's, "
            "whose lock you then delete. Let Redis do both in one step, in a Lua script."
        )
    return None


CHECKS = [
    a_caller_that_finds_the_lock_taken_waits,
    a_caller_that_gets_the_lock_late_does_not_load_again,
    a_lock_is_released_by_its_owner_alone,
]
