"""What a writer sees who edits while `make serve` runs: new prose, stale badges, diagrams, faults, and a clean end."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.servers import die_with_parent, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
COURSE = ["docs", "snippets", "tests", "publish", "benchmarks", "mkdocs.yml", "ledger.jsonl", "package-lock.json"]
LIMIT = 15  # seconds from a saved file to what the reader sees; 2 on an idle machine
PAGE = "docs/patterns/cache-aside.md"


class Serve:
    """A copy of the course, in a folder with spaces, and the server that `make serve` starts in it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.course, self.temporary, self.out, self.err = (folder / name for name in ("a course", "tmp", "out", "err"))
        self.temporary.mkdir()
        self.course.mkdir()
        for name in COURSE:
            if (ROOT / name).is_dir():
                shutil.copytree(
                    ROOT / name, self.course / name, ignore=shutil.ignore_patterns("__pycache__", "bin", "obj")
                )
            else:
                shutil.copy2(ROOT / name, self.course)
        (self.course / "node_modules").symlink_to(ROOT / "node_modules")
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "publish.site", "serve", "--port", str(port)], cwd=self.course,
                env={**os.environ, "TMPDIR": str(self.temporary), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        self.url = self.said(self.out, r"Serving on (\S+)")[1]
        deadline = time.monotonic() + LIMIT
        while not self.answers:
            assert self.process.poll() is None, f"it ended: {self.err.read_text('utf-8')}"
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.05)

    def said(self, file: Path, pattern: str) -> re.Match[str]:
        """Wait until the server has written what matches, and return the match."""
        deadline = time.monotonic() + LIMIT
        while not (match := re.search(pattern, file.read_text("utf-8"))):
            assert self.process.poll() is None, f"it ended: {self.err.read_text('utf-8')}"
            assert time.monotonic() < deadline, f"no {pattern!r} in {file.read_text('utf-8')}"
            time.sleep(0.05)
        return match

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace the first `old` in a file, as an editor saves it."""
        text = (self.course / path).read_text("utf-8")
        assert old in text
        (self.course / path).write_text(text.replace(old, new, 1), "utf-8")

    def end(self, number: signal.Signals) -> None:
        """Send a signal, and wait for the end."""
        self.process.send_signal(number)
        self.process.wait(LIMIT)

    @property
    def answers(self) -> bool:
        """Whether something listens at its address."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", urlsplit(self.url).port)) == 0

    @property
    def remains(self) -> list[str]:
        """What of it is left: processes, an open port, temporary files."""
        left = [file.name for file in self.temporary.iterdir()]
        try:
            os.killpg(self.process.pid, 0)
            left.append("a process")
        except ProcessLookupError:
            pass
        if self.answers:
            left.append("an open port")
        return left


@pytest.fixture(scope="module")
def start(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Serve]]:
    """Start a server on a port. `site` comes first, because it writes the ledger that the copy needs."""
    servers = []

    def start(port: int) -> Serve:
        servers.append(Serve(tmp_path_factory.mktemp("serve"), port))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


@pytest.fixture(scope="module")
def serve(start: Callable[[int], Serve]) -> Serve:
    """A server for the tests that edit."""
    return start(free_port())


@pytest.fixture
def reader(serve: Serve, browser: Browser, watch: Callable[[Page, str], None]) -> Iterator[Page]:
    """A browser that shows the page while it is edited, and is never told to reload."""
    page = browser.new_page()
    page.set_default_timeout(LIMIT * 1000)
    expect.set_options(timeout=LIMIT * 1000)
    watch(page, serve.url)
    page.goto(f"{serve.url}patterns/cache-aside.html")
    yield page
    expect.set_options(timeout=5_000)
    page.close()


def test_edited_prose_appears_by_itself(serve: Serve, reader: Page) -> None:
    expect(reader.locator("h1")).to_contain_text("Cache-aside")
    serve.edit(PAGE, "# Cache-aside", "# Cache beside")
    expect(reader.locator("h1")).to_contain_text("Cache beside")


def test_edited_snippet_loses_its_badge_until_it_is_run(serve: Serve, reader: Page) -> None:
    badges = reader.locator(".tabbed-block:visible .badge")
    expect(badges.first).to_contain_text("Ran 20")
    serve.edit("snippets/patterns/cache-aside/cache_aside.py", "TTL = 3600", "TTL = 7200")
    expect(reader.locator(".tabbed-block:visible code").first).to_contain_text("TTL = 7200")
    expect(badges.first).to_have_text("Not run here")
    expect(badges.first).to_have_attribute("title", re.compile("has changed since it was last run"))


def test_edited_diagram_is_drawn_in_the_browser_from_our_own_host(serve: Serve, reader: Page) -> None:
    figures = reader.locator("figure.diagram > svg").count()
    assert figures
    serve.edit(PAGE, "App[Application]", "App[Another application]")
    drawn = reader.locator("div.mermaid > svg")
    expect(drawn).to_have_count(1)
    expect(drawn).to_contain_text("Another application")
    expect(reader.locator("figure.diagram > svg")).to_have_count(figures - 1)


def test_fault_is_reported_with_its_place_and_serving_goes_on(serve: Serve, reader: Page) -> None:
    serve.edit(PAGE, "# Cache", "::: patterns/cache-aside/cache_asides read\n\n# Cache")
    line = (serve.course / PAGE).read_text("utf-8").split("\n# Cache")[0].count("\n")
    serve.said(serve.err, rf"(?m)^{PAGE}:{line}: snippets/patterns/cache-aside/cache_asides\.\* does not exist")
    serve.edit(PAGE, "::: patterns/cache-aside/cache_asides read\n\n# Cache", "# Mended cache")
    expect(reader.locator("h1")).to_contain_text("Mended cache")
    assert serve.process.poll() is None


def test_port_in_use_gives_the_next_one_and_ctrl_c_leaves_nothing(start: Callable[[int], Serve]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = start(port)
        given = int(server.said(server.out, rf"Port {port} is in use; serving on (\d+) instead")[1])
        assert port < given < port + 100
        assert server.url == f"http://127.0.0.1:{given}/"
        assert server.remains == [next(server.temporary.iterdir()).name, "a process", "an open port"]
        server.end(signal.SIGINT)
        assert server.remains == []


def test_sigterm_leaves_nothing(start: Callable[[int], Serve]) -> None:
    server = start(free_port())
    assert "a process" in server.remains
    server.end(signal.SIGTERM)
    assert server.remains == []
