"""A browser, the built site behind HTTP, and pages that fail their test when they call elsewhere or complain."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from harness import toolchain
from harness.browser.server import Handler, Served, serving
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


@pytest.fixture
def watch() -> Iterator[Callable[[Page, str], None]]:
    """Watch a page: what it asks of an address that does not begin with `home`, and its errors, fail the test."""
    seen: list[str] = []

    def watch(page: Page, home: str) -> None:
        def request(request: Request) -> None:
            if not request.url.startswith((home, "data:", "blob:")):
                seen.append(f"{page.url} asked for {request.url}")

        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                seen.append(f"{page.url} logged {message.text}")

        page.on("request", request)
        page.on("console", console)
        page.on("pageerror", lambda error: seen.append(f"{page.url} threw {error}"))

    yield watch
    assert seen == []


@pytest.fixture
def page(browser: Browser, http: str, watch: Callable[[Page, str], None]) -> Iterator[Open]:
    """Open a page of the site in a fresh context: page("index.html", width=320, color_scheme="dark").

    `home` is where the site lies, by default our HTTP server. Other options are those of a browser's context.
    """
    contexts = []

    def open_page(path: str, home: str = http, width: int = 1280, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        watch(page, home)
        page.goto(home + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
