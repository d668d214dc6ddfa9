"""Measure how long a change takes to be seen and proved, in a copy of this repository: `make times`, a table of goals.

`ALL=1` runs `make test` too, which takes minutes. An idle machine is asked for: the load before it began is printed.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from harness import toolchain
from harness.servers import die_with_parent, free_port
from publish.pages.diagrams import FLAGS
from publish.pages.kept import FOLDER

ROOT = Path(__file__).resolve().parent.parent
LINKED = (".venv", "node_modules")  # set up once, and used by the copy too
LIMIT = 3600  # seconds for one command
PAGE, HEADING, CODE = "patterns/cache-aside", "h1", ".tabbed-block:visible code"
WORD = (f"docs/{PAGE}.md", "# Cache-aside", "# Cache beside")
SNIPPET = (f"snippets/{PAGE}/cache_aside.py", "TTL = 3600", "TTL = 3600  # an hour")


def copy(target: Path) -> None:
    """Copy what git knows of this repository as it is now, changed and new files included, and what is set up."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)
    command = ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"]
    changed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for path in filter(None, changed.split("\0")):
        (target / path).unlink(missing_ok=True)
        if (ROOT / path).exists():  # else it was deleted
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target / path)
    shutil.copytree(ROOT / "docs/assets/npm", target / "docs/assets/npm", dirs_exist_ok=True)
    for name in LINKED:
        (target / name).symlink_to(ROOT / name)


def make(course: Path, *arguments: str) -> float:
    """Run `make` in the copy, and return how many seconds it took. Leave with its output if it fails."""
    started = time.monotonic()
    result = subprocess.run(["make", *arguments], cwd=course, capture_output=True, text=True, timeout=LIMIT)
    if result.returncode:
        sys.exit(f"make {' '.join(arguments)} failed:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return time.monotonic() - started


class Serve:
    """`make serve` in the copy, with the seconds that it took until it answered."""

    def __init__(self, course: Path) -> None:
        started = time.monotonic()
        self.process = subprocess.Popen(
            ["make", "serve", f"PORT={free_port()}"], cwd=course, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        assert self.process.stdout
        said = (re.match(r"Serving on (\S+)", line) for line in self.process.stdout)
        serving = next(filter(None, said), None)
        if serving is None:
            sys.exit("make serve ended before it served")
        self.url, self.seconds = serving[1], time.monotonic() - started

    def end(self) -> None:
        """Stop it as Ctrl+C does."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait()


def edit(course: Path, path: str, old: str, new: str) -> None:
    """Replace the first `old` in a file."""
    text = (course / path).read_text("utf-8")
    assert old in text, f"{path} has no {old!r}"
    (course / path).write_text(text.replace(old, new, 1), "utf-8")


def seen(page: Page, course: Path, change: tuple[str, str, str], where: str) -> float:
    """Edit a file, and return how many seconds it took until the browser showed it by itself."""
    path, old, new = change
    started = time.monotonic()
    edit(course, path, old, new)
    page.locator(where, has_text=new.removeprefix("# ")).first.wait_for()
    return time.monotonic() - started


def measure(course: Path) -> Iterator[tuple[str, float, float]]:
    """Yield what was measured, the seconds that are its goal, and those it took."""
    yield "`make site`, the first", 8, make(course, "site")
    yield "`make site`, again", 8, make(course, "site")
    Serve(course).end()
    server = Serve(course)
    yield "`make serve`, warm, until it answers", 3, server.seconds
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=toolchain.CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(LIMIT * 1000)
        page.goto(f"{server.url}{PAGE}.html")
        yield "a changed word on the page", 2, seen(page, course, WORD, HEADING)
        yield "a changed snippet on the page", 3, seen(page, course, SNIPPET, CODE)
        browser.close()
    server.end()
    yield "`make test-quick` after these", 20, make(course, "test-quick")
    if os.environ.get("ALL"):
        for path, old, new in (WORD, SNIPPET):
            edit(course, path, new, old)
        shutil.rmtree(course / FOLDER)
        yield "`make test`", 300, make(course, "test")


def main() -> None:
    """Print the table."""
    if not toolchain.CHROMIUM:
        sys.exit("Chromium, in which a change is to be seen, was not found; install it: apt install chromium")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="times-") as folder:
        course = Path(folder, "course")
        copy(course)
        print("| seconds | goal | measured |\n| --- | --: | --: |", flush=True)
        for what, goal, took in measure(course):
            print(f"| {what} | {goal} | {took:.1f} |", flush=True)
    if not os.environ.get("ALL"):
        print("| `make test` | 300 | not measured: `ALL=1 make times` |")
    without = [tool for tool in toolchain.TOOLS if not toolchain.has(tool)]
    print(f"\nOn {os.cpu_count()} cores, with a load of {load:.1f} before; without {', '.join(without) or 'nothing'}.")


if __name__ == "__main__":
    main()
