"""A browser, the built site behind HTTP, and pages that fail their test when they call elsewhere or complain."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness import toolchain
from harness.browser import visit
from harness.browser.record import Looks, Records
from harness.browser.server import Handler, Served, serving
from harness.browser.tabs import Tabs
from publish.pages.diagrams import FLAGS

# Two popups of the address bar, which would cost a process each for every page that a test opens.
QUIET = "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,HttpsUpgrades,MediaRouter,OptimizationHints"

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def http(site: Path) -> Iterator[str]:
    """The address of the site, with a slash at its end."""
    with serving(site) as address:
        yield address


@pytest.fixture(params=["http", "file"])
def home(request: pytest.FixtureRequest, http: str, site: Path) -> str:
    """Where the site is opened from: a server, or the disk."""
    return http if request.param == "http" else f"{site.as_uri()}/"


@pytest.fixture
def served(http: str) -> Served:
    """What the server has sent so far."""
    return Handler.served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    toolchain.need("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=toolchain.CHROMIUM, args=[*FLAGS, QUIET])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def looks(browser: Browser, http: str, site: Path) -> Looks:
    """What is seen on each page, at one visit for each screen in a run."""
    return Looks(visit.Visitor(browser, http), Records(site, browser.version))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Drop the record of a page of which a test has failed, and say what was not looked at."""
    report = yield
    looks: Looks | None = getattr(item, "funcargs", {}).get("looks")
    if looks and report.when == "call":
        path: str = item.callspec.params["path"]  # type: ignore[attr-defined]
        if report.failed:
            looks.records.forget(path)
        report.user_properties.append(("looks", [path, sorted(looks.recorded)]))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many looks at pages were taken from their records."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    told = [dict(getattr(report, "user_properties", [])).get("looks") for report in reports]
    recorded = {look for one in told if one for look in one[1]}
    if recorded:
        terminalreporter.line(
            f"{len(recorded)} looks at pages were taken from their records, where nothing that the page loads has "
            "changed since. ALL=1 looks at every page."
        )


@pytest.fixture
def watch() -> Iterator[Callable[[Page, str], None]]:
    """Watch a page: what it asks of an address that does not begin with `home`, and its errors, fail the test."""
    seen: list[str] = []
    yield lambda page, home: visit.watch(page, home, seen)
    assert seen == []


@pytest.fixture(scope="session")
def tabs(browser: Browser) -> Tabs:
    """The tabs that tests use one after the other."""
    return Tabs(browser)


@pytest.fixture
def page(tabs: Tabs, http: str) -> Iterator[Open]:
    """Open a page of the site as if it were the first: page("index.html", width=320, color_scheme="dark").

    `home` is where the site lies, by default our HTTP server. A `fresh` tab has no cache, and may be changed for good.
    Other options are those of a browser's context. What it asks of others, and its errors, fail the test.
    """
    problems: list[list[str]] = []
    with ExitStack() as lent:

        def open_page(
            path: str,
            home: str = http,
            width: int = 1280,
            height: int = 900,
            color_scheme: str = "light",
            **options: Any,
        ) -> Page:
            tab = lent.enter_context(tabs.lent(home, **options))
            problems.append(tab.problems)
            tab.page.set_viewport_size({"width": width, "height": height})
            tab.page.emulate_media(color_scheme="dark" if color_scheme == "dark" else "light")
            tab.page.goto(home + path)
            return tab.page

        yield open_page
        seen = [problem for tab in problems for problem in tab]
    assert seen == []
