"""A student's program in any language: compiled, run as often as a check likes, always stopped."""

import re
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness import compiler, toolchain
from publish.sources import languages
from publish.sources.languages import CSHARP, NODE, PYTHON

ROOT = Path(__file__).resolve().parent.parent
BUILD_LIMIT = 120.0  # seconds; the first build of C# fetches its packages
LIMIT = 5.0  # seconds for one run


class ProgramError(Exception):
    """Why a program cannot be judged, in words for its author."""


class HungError(ProgramError):
    """It ran too long, and was stopped."""


@dataclass(frozen=True)
class Toolbox:
    """A language as a student works in it. The patterns find the message, and the line of the file `{file}`."""

    name: str  # as in IN=name
    title: str  # as in "is not yet TITLE"
    build: tuple[str, ...]  # what compiles it, with {file} and {folder} filled in; nothing where Python itself does
    run: tuple[str, ...]
    fault: str  # in what the compiler says: the first fault, with groups line and what
    crash: str  # in what the program says when it stops: group what
    place: str  # in the same: group line, for the first frame of the file


TOOLBOXES = {
    PYTHON: Toolbox(
        name="python",
        title="Python",
        build=(),
        run=(toolchain.PROGRAMS["python"], "{file}"),
        fault="",
        crash=r"^(?P<what>[\w.]+(?:: .*)?)\Z",
        place=r'{file}", line (?P<line>\d+)(?!(?:.|\n)*{file}", line)',  # the last one
    ),
    CSHARP: Toolbox(
        name="csharp",
        title="C#",
        build=(toolchain.PROGRAMS["dotnet"], "build", "{file}", "--output", "{folder}", "--nologo"),
        run=(toolchain.PROGRAMS["dotnet"], "{folder}/{stem}.dll"),
        fault=r"\((?P<line>\d+),\d+\): error \w+: (?P<what>.+?)(?: \[.+\])?$",
        crash=r"^Unhandled exception\. (?P<what>.+)",
        place=r"{file}:line (?P<line>\d+)",
    ),
    NODE: Toolbox(
        name="node",
        title="JavaScript",
        build=(toolchain.PROGRAMS["node"], "--check", "{file}"),
        run=(toolchain.PROGRAMS["node"], "{file}"),
        fault=r"\.mjs:(?P<line>\d+)\n(?:.|\n)*?^\w*Error: (?P<what>.+)",
        crash=r"^(?:Uncaught )?(?P<what>\w*Error\b.*)",
        place=r"{file}:(?P<line>\d+)",
    ),
}


@dataclass(frozen=True)
class Program:
    """A student's file, ready to run."""

    path: Path
    folder: str  # where the compiler may put things

    @property
    def tools(self) -> Toolbox:
        """Its language."""
        return TOOLBOXES[languages.of(self.path.name)]

    def compile(self) -> None:
        """Compile it. Raises ProgramError with the line that the compiler names, TimeoutError if it takes too long."""
        if not self.tools.build:
            return self.compile_python()
        result = toolchain.run(self.fill(self.tools.build), self.path.parent, BUILD_LIMIT, **self.compiler())
        said = result.stdout + result.stderr
        if result.returncode == 0:
            return None
        fault = re.search(self.tools.fault, said, re.MULTILINE)
        if fault is None:
            raise ProgramError(f"does not build. This is what the compiler says:\n{said.strip()}")
        raise ProgramError(f"is not yet {self.tools.title}: {fault['what'].rstrip('.')} at line {fault['line']}.")

    def compiler(self) -> dict[str, str]:
        """Return what leads a build to the compiler that this process keeps, if the language has one."""
        return compiler.environment() if languages.of(self.path.name) is CSHARP else {}

    def compile_python(self) -> None:
        """Compile a file in this very language."""
        try:
            compile(self.path.read_text("utf-8"), str(self.path), "exec")
        except (SyntaxError, UnicodeDecodeError) as error:
            at = f" at line {error.lineno}" if isinstance(error, SyntaxError) else ""
            raise ProgramError(f"is not yet Python: {getattr(error, 'msg', error)}{at}.") from None

    def start(self, url: str, *arguments: str) -> "Future[str]":
        """Run it on the Redis at `url`, beside the caller. The future holds what it printed, or raises ProgramError."""
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(self.run, url, *arguments)
        finally:
            pool.shutdown(wait=False)

    def run(self, url: str, *arguments: str) -> str:
        """Run it, and return what it printed. Raises ProgramError if it fails, HungError if it does not end."""
        try:
            command = [*self.fill(self.tools.run), *arguments]
            result = toolchain.run(command, self.path.parent, LIMIT, REDIS_URL=url)
        except TimeoutError:
            raise HungError(f"Your program still ran after {LIMIT:g} s and was stopped.") from None
        if result.returncode == 0:
            return result.stdout
        said = result.stderr.strip()
        crash = re.search(self.tools.crash, said, re.MULTILINE)
        place = re.search(self.tools.place.replace("{file}", re.escape(self.path.name)), said)
        what = crash["what"] if crash else said or f"exit code {result.returncode}"
        raise ProgramError(f"Your program stops with {what}" + (f", at line {place['line']}." if place else "."))

    def fill(self, command: tuple[str, ...]) -> list[str]:
        """Return a command of the toolbox for this file."""
        names = {"{file}": str(self.path), "{folder}": self.folder, "{stem}": self.path.stem}
        return [re.sub(r"\{\w+\}", lambda match: names[match[0]], part) for part in command]
