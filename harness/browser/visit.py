"""A visit to a page: it is loaded once, and everything that the tests ask about it is noted in a few calls."""

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from harness.browser.actions import AXE
from harness.browser.course import offered, on_paper
from harness.browser.server import Handler

SCRIPT = Path(__file__).with_name("look.js").read_text("utf-8")


class Look(NamedTuple):
    """The screen on which a page is seen."""

    width: int
    scheme: str
    javascript: bool = True
    turned: bool = False  # the page came on a wide and light one, which then became what this says

    def __str__(self) -> str:
        if not self.javascript:
            return "no JavaScript"
        return f"{self.scheme} at {self.width}{', turned' if self.turned else ''}"


WIDE, NARROW = Look(1280, "light"), Look(320, "dark")
TURNED = NARROW._replace(turned=True)
PLAIN = Look(1280, "light", javascript=False)


@dataclass
class Seen:
    """What was seen on one visit; the names of the fields are those in look.js."""

    loaded: list[str]  # every address that the page asked for
    problems: list[str]  # what the page asked of others, and what it complained of
    sent: dict[str, int] = field(default_factory=dict)  # bytes by address, before a whole file is copied
    shift: float = 0
    violations: list[Any] = field(default_factory=list)
    colours: list[str] = field(default_factory=list)  # of the page, and of each diagram
    diagrams: list[int] = field(default_factory=list)  # bytes, compressed
    lines: list[str] = field(default_factory=list)  # of a source page
    tabs: dict[str, list[str]] = field(default_factory=dict)  # those shown, by the language chosen
    sideways: list[str] = field(default_factory=list)  # language and width where the page is too wide
    printed: dict[str, Any] = field(default_factory=dict)
    cards: list[dict[str, Any]] = field(default_factory=list)
    popups: list[dict[str, Any]] = field(default_factory=list)
    copies: dict[str, list[str]] = field(default_factory=dict)  # of every block, by language
    files: list[dict[str, str]] = field(default_factory=list)
    plain: dict[str, Any] = field(default_factory=dict)  # without JavaScript


def watch(page: Page, home: str, seen: list[str]) -> None:
    """Note what a page asks of an address that does not begin with `home`, and its errors."""

    def request(request: Request) -> None:
        if not request.url.startswith((home, "data:", "blob:")):
            seen.append(f"{page.url} asked for {request.url}")

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            seen.append(f"{page.url} logged {message.text}")

    page.on("request", request)
    page.on("console", console)
    page.on("pageerror", lambda error: seen.append(f"{page.url} threw {error}"))


class Visitor:
    """Visits pages, each as if it were the first: one tab for each kind of screen, and nothing kept in it."""

    def __init__(self, browser: Browser, http: str) -> None:
        self.browser = browser
        self.http = http
        self.problems: list[str] = []
        self.loaded: set[str] = set()  # what the page has asked for, from the browser's cache too
        self.tabs: dict[Look, Page] = {}
        self.wide = ""  # the page that the wide tab shows

    def tab(self, look: Look) -> Page:
        """Return the tab of this kind, opened where there is none."""
        look = WIDE if look.turned else look
        if look not in self.tabs:
            context = self.browser.new_context(
                viewport={"width": look.width, "height": 900},
                color_scheme="dark" if look.scheme == "dark" else "light",
                java_script_enabled=look.javascript,
            )
            context.set_default_timeout(10_000)
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            page = context.new_page()
            watch(page, self.http, self.problems)
            page.on("request", lambda request: self.loaded.add(urlsplit(request.url)._replace(fragment="").geturl()))
            if look.width == WIDE.width:  # a cold load; a phone has been here before, as somebody who reads on it has
                context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
            else:
                page.goto(f"{self.http}index.html")
            self.tabs[look] = page
        return self.tabs[look]

    def visit(self, path: str, look: Look) -> Seen:
        """Look at a page."""
        page = self.tab(look)
        self.problems.clear()
        try:
            if not (look.turned and self.wide == path):
                self.load(page, path)
            if look.turned:
                seen = self.turned(page, path, look)
            else:
                seen = self.used(page, path, look) if look.javascript else self.unscripted(page, path)
            self.wide = path if look == WIDE else "" if look.turned else self.wide
        except BaseException:
            self.tabs.pop(WIDE if look.turned else look).context.close()  # the next page shall not see its state
            self.wide = ""
            raise
        loaded = sorted(url.removeprefix(self.http) for url in self.loaded if url.startswith(self.http))
        return Seen([f"/{address}" for address in loaded], [*self.problems], **seen)

    def load(self, page: Page, path: str) -> None:
        """Load a page."""
        self.loaded.clear()
        Handler.served.clear()
        page.goto(self.http + path)

    def turned(self, page: Page, path: str, look: Look) -> dict[str, Any]:
        """Look at a page that is loaded on another screen, and then back."""
        names = offered(path)
        if not page.evaluate("'look' in window"):
            page.evaluate(AXE + SCRIPT)
        page.set_viewport_size({"width": look.width, "height": 900})
        seen = page.evaluate("names => look.turned(names)", names)
        page.set_viewport_size({"width": 390, "height": 900})
        seen["sideways"] += page.evaluate("names => look.languages(names)", names)["sideways"]
        page.set_viewport_size({"width": WIDE.width, "height": 900})
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
        return dict(seen)

    def unscripted(self, page: Page, path: str) -> dict[str, Any]:
        """Look at a page without JavaScript."""
        page.evaluate(SCRIPT)
        return {"plain": page.evaluate("names => look.plain(names)", offered(path)), "sent": {**Handler.served}}

    def used(self, page: Page, path: str, look: Look) -> dict[str, Any]:
        """Look at a page as it comes, on paper, and in use. Only the first screen copies: a copy has no width."""
        names = offered(path)
        page.evaluate(AXE + SCRIPT)
        seen = page.evaluate("names => look.first(names)", names)
        seen["diagrams"] = [len(gzip.compress(diagram.encode())) for diagram in seen["diagrams"]]
        if look.width < 390:
            page.set_viewport_size({"width": 390, "height": 900})
            seen["sideways"] += page.evaluate("names => look.languages(names)", names)["sideways"]
        seen["printed"] = self.printed(page, path)
        page.set_viewport_size({"width": look.width, "height": 900})
        seen["sent"] = {**Handler.served}
        seen |= page.evaluate("([names, copy]) => look.used(names, copy)", [names, look == WIDE])
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
        return dict(seen)

    def printed(self, page: Page, path: str) -> Any:
        """Look at a page on paper, as it is printed from a wide window with the second language chosen."""
        page.set_viewport_size({"width": 1280, "height": 900})
        if on_paper(path):
            page.evaluate("name => look.choose(name)", on_paper(path))
        page.emulate_media(media="print")
        seen = page.evaluate("look.printed()")
        page.emulate_media(media="screen")
        return seen
