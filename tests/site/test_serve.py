"""What a writer sees who edits while `make serve` runs: new prose, stale badges, diagrams, faults, and a clean end.

The server says what it does, line by line, and the browser shows it: tests wait for these, not for a time to pass.
"""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from harness import small_course
from harness.servers import die_with_parent, free_port
from harness.small_course import OTHER, PAGE, PROGRAM
from publish.pages.kept import FOLDER

LIMIT = 180  # seconds after which a server that says nothing is ended, whatever the machine has to do meanwhile


def files(course: Path) -> set[str]:
    """Return the paths of a course's own files."""
    kept = course / FOLDER
    return {str(file) for file in course.rglob("*") if file != kept and kept not in file.parents}


class Serve:
    """The server that `make serve` starts in a folder."""

    def __init__(self, course: Path, port: int) -> None:
        self.course, self.temporary, self.lines = course, course.with_name("tmp"), list[str]()
        self.files = files(course)
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            small_course.command("serve", "--port", str(port)), cwd=course, text=True, encoding="utf-8",
            env=small_course.environment(TMPDIR=str(self.temporary)), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        self.limit = Timer(LIMIT, self.kill)
        self.limit.start()
        self.url = self.said(r"^Serving on (\S+) ")[1]

    def said(self, pattern: str) -> re.Match[str]:
        """Read what the server writes up to the line that matches, and return the match."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match
        pytest.fail(f"it ended without saying {pattern!r}:\n{''.join(self.lines)}")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace the first `old` in a file, as an editor saves it."""
        text = (self.course / path).read_text("utf-8")
        assert old in text
        (self.course / path).write_text(text.replace(old, new, 1), "utf-8")

    def end(self, number: signal.Signals) -> None:
        """Send a signal, and wait for the end."""
        self.process.send_signal(number)
        assert self.process.stdout
        self.lines += self.process.stdout
        assert self.process.wait() == 0, "".join(self.lines)

    def kill(self) -> None:
        """End it without a farewell, if it has not ended."""
        self.limit.cancel()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    @property
    def remains(self) -> list[str]:
        """What of it is left: processes, an open port, temporary files."""
        left = [file.name for file in self.temporary.iterdir()]
        try:
            os.killpg(self.process.pid, 0)
            left.append("a process")
        except ProcessLookupError:
            pass
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", urlsplit(self.url).port)) == 0:
                left.append("an open port")
        return left


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Serve]]:
    """Start a server on a port, in a small course of its own, in a folder with spaces."""
    servers = []

    def start(port: int) -> Serve:
        course = tmp_path_factory.mktemp("serve") / "a course"
        small_course.write(course)
        servers.append(Serve(course, port))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
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
    page.goto(serve.url)
    yield page
    expect.set_options(timeout=5_000)
    page.close()


def test_edited_prose_appears_by_itself(serve: Serve, reader: Page) -> None:
    expect(reader.locator("h1")).to_contain_text("Page")
    serve.edit(PAGE, "# Page", "# A page")
    serve.said(r"^building …$")
    serve.said(r"^built in \d+\.\d s$")
    expect(reader.locator("h1")).to_contain_text("A page")


def test_edited_snippet_loses_its_badge_until_it_is_run(serve: Serve, reader: Page) -> None:
    badge = reader.locator(".tabbed-block .badge")
    expect(badge).to_contain_text("Ran 20")
    serve.edit(PROGRAM, "third = 3", "third = 4")
    expect(reader.locator(".tabbed-block code").first).to_contain_text("third = 4")
    expect(badge).to_have_text("Not run here")
    expect(badge).to_have_attribute("title", re.compile("has changed since it was last run"))


def test_edited_diagram_is_drawn_in_the_browser_from_our_own_host(serve: Serve, reader: Page) -> None:
    expect(reader.locator("figure.diagram > svg")).to_have_count(1)
    serve.edit(PAGE, "App[Application]", "App[Another application]")
    drawn = reader.locator("div.mermaid > svg")
    expect(drawn).to_have_count(1)
    expect(drawn).to_contain_text("Another application")
    expect(reader.locator("figure.diagram > svg")).to_have_count(0)


# name: (the line that is added to a page, what the terminal and the browser say of it)
FAULTS = {
    "found by the check": ("::: shop/gets read", r"snippets/shop/gets\.\* does not exist"),
    "found by MkDocs": ("[x](nowhere.md)", "contains a link 'nowhere.md'"),
    "of two lines": ("<pre>x</pre>\n\n<b>::: shop/get</b>", "is HTML code that no test has run"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_shown_with_its_place_until_it_is_mended(serve: Serve, reader: Page, name: str) -> None:
    line, said = FAULTS[name]
    alert = reader.get_by_role("alert")
    expect(alert).to_have_count(0)
    serve.edit(OTHER, "# Other\n\n", f"# Other\n\n{line}\n\n")
    told = serve.said(rf"^{OTHER}:3: .*{said}")[0]
    expect(alert).to_contain_text(told)
    expect(reader.locator("h1")).to_be_visible()  # the page as it was
    serve.edit(OTHER, f"{line}\n\n", "")
    expect(alert).to_have_count(0)
    assert serve.process.poll() is None


def test_source_that_no_check_foresaw_is_shown_too(serve: Serve, reader: Page) -> None:
    serve.edit("mkdocs.yml", "theme:\n", "theme: [\n")
    expect(reader.get_by_role("alert")).to_contain_text("mkdocs.yml")
    serve.edit("mkdocs.yml", "theme: [\n", "theme:\n")
    expect(reader.get_by_role("alert")).to_have_count(0)


def test_built_site_has_nothing_of_the_server(tmp_path: Path) -> None:
    small_course.write(tmp_path)
    subprocess.run(small_course.command("build"), cwd=tmp_path, env=small_course.environment(), check=True)
    for page in (tmp_path / "site").rglob("*.html"):
        assert not re.search("livereload|role=.alert", page.read_text("utf-8")), page


def test_start_with_a_fault_says_it_and_ends(tmp_path: Path) -> None:
    small_course.write(tmp_path)
    (tmp_path / OTHER).write_text("# Other\n\n::: shop/gets read\n", "utf-8")
    command = small_course.command("serve", "--port", str(free_port()))
    ended = subprocess.run(
        command, cwd=tmp_path, env=small_course.environment(), capture_output=True, text=True, timeout=LIMIT
    )
    assert ended.returncode == 1
    assert ended.stderr == f"{OTHER}:3: snippets/shop/gets.* does not exist; it is named without its suffix\n"


def test_port_in_use_gives_the_next_one_and_ctrl_c_leaves_nothing(start: Callable[[int], Serve]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = start(port)
        given = re.search(rf"Port {port} is in use; serving on (\d+) instead", "".join(server.lines))
        assert given and port < int(given[1]) < port + 100
        assert server.url == f"http://127.0.0.1:{given[1]}/"
        assert server.remains == [next(server.temporary.iterdir()).name, "a process", "an open port"]
        server.end(signal.SIGINT)
        assert server.remains == []
        assert files(server.course) == server.files


def test_sigterm_leaves_nothing(start: Callable[[int], Serve]) -> None:
    server = start(free_port())
    assert "a process" in server.remains
    server.end(signal.SIGTERM)
    assert server.remains == []
    assert files(server.course) == server.files


# A cold build of the whole course, which the site's own is; the small one above shows the rest.
@pytest.mark.full
def test_whole_course_is_served_and_shows_an_edit(site: Path, copy: Path, browser: Browser) -> None:
    """`site` comes first, because it writes the ledger that the copy needs."""
    server = Serve(copy, free_port())
    try:
        page = browser.new_page()
        page.set_default_timeout(LIMIT * 1000)
        page.goto(f"{server.url}patterns/cache-aside.html")
        server.edit("docs/patterns/cache-aside.md", "# Cache-aside", "# Cache beside")
        page.locator("h1", has_text="Cache beside").wait_for()
        page.close()
    finally:
        server.kill()
