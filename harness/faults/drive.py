"""Drive a program of any language from outside, as one process that the faults of a Redis meet.

A driver loads the program and its adapter, tests/faults/PATH, which says what it can be told to do. It then reads lines
`{"do": "read", "with": ["1"], "callers": 50}` and answers each by a line `{"found": [...], "counts": {...}}`: what each
caller got (`gets`) or was thrown at (`raises`), after how many `seconds`, and what the program has counted so far.
"""

import fcntl
import json
import queue
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import compiler, foreign
from harness.servers import die_with_parent
from harness.toolchain import PROGRAMS, run
from publish.sources.languages import CSHARP, NODE, Language
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = "harness/csharp/Drive"
PATIENCE = 120  # seconds for one line; a program that shows no bound on its waiting is stopped


@dataclass(frozen=True)
class Seen:
    """What came of an operation: the answers and the errors, how often each; the longest wait; what it counted."""

    gets: dict[str, int]
    raises: dict[str, int]
    seconds: float
    counts: dict[str, int]


@foreign.once
def build_csharp() -> None:
    """Build the driver of the C# programs. Raises RuntimeError with what is wrong."""
    command = ["dotnet", "build", f"{PROJECT}/Drive.csproj", "--nologo", "--verbosity", "quiet"]
    with Path(__file__).open() as lock:  # of ours: those of .NET are locks of the same kind
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes that build would be in each other's way
        result = run(command, ROOT, foreign.LIMIT, **compiler.environment())
    if result.returncode:
        raise RuntimeError(f"the driver of the C# programs does not build:\n{result.stdout}\n{result.stderr}")


def command(program: Snippet, language: Language) -> list[str]:
    """Return what starts the driver of a program."""
    if language is CSHARP:
        build_csharp()
        stem = program.file.partition(".")[0]
        name = "".join(word.capitalize() for word in stem.split("_"))
        return [PROGRAMS["dotnet"], f"{PROJECT}/bin/Debug/net10.0/Drive.dll", name]
    starts = {NODE: [PROGRAMS["node"], "harness/faults/driver.mjs"]}
    path = program.path.removeprefix("snippets/").partition(".")[0]
    return [*starts.get(language, [PROGRAMS["python"], "-m", "harness.faults.driver"]), path]


class Driver:
    """A process that runs one program on the Redis at `url`."""

    def __init__(self, program: Snippet, url: str, database: Path) -> None:
        self.process = subprocess.Popen(
            [*command(program, program.language), url, str(database)], cwd=ROOT, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent,
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        self.said: list[str] = []  # on standard error
        threading.Thread(target=self.listen, daemon=True).start()
        threading.Thread(target=self.overhear, daemon=True).start()
        self.counts: dict[str, int] = {}
        try:
            self.operations: list[str] = self.answer()["ready"]
        except RuntimeError:
            self.stop()
            raise

    def listen(self) -> None:
        """Take lines as they come, so that one that does not come can be waited for with a limit."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")  # it has ended

    def overhear(self) -> None:
        """Note what the program logs."""
        assert self.process.stderr
        self.said += list(self.process.stderr)

    def answer(self) -> dict[str, Any]:
        """Return its next line. Raises RuntimeError where it does not come."""
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise RuntimeError(f"no answer within {PATIENCE} s") from None
        if not line:
            self.process.wait()
            raise RuntimeError(f"the driver ended: {''.join(self.said)[-2000:]}")
        found: dict[str, Any] = json.loads(line)
        return found

    def do(self, operation: str, *arguments: Any, callers: int = 1) -> Seen:
        """Tell the program to do something, by so many callers at once, and return what came of it."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": operation, "with": arguments, "callers": callers}) + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        found, before = answer["found"], self.counts
        self.counts = {name: count for name, count in answer["counts"].items() if count}
        return Seen(
            dict(Counter(json.dumps(one["gets"], ensure_ascii=False) for one in found if "raises" not in one)),
            dict(Counter(one["raises"] for one in found if "raises" in one)),
            max(one["seconds"] for one in found),
            {name: count - before.get(name, 0) for name, count in self.counts.items() if count != before.get(name)},
        )

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
