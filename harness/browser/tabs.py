"""Tabs that tests use one after the other: a new one each time costs as much as what most tests do in it.

Each begins as a new one does: nothing is stored, no window that it opened is open, it is no paper, nothing is hovered.
What cannot be taken back, such as a script that runs before the page's own, needs a tab that is closed after its test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Error

from harness.browser.visit import watch

BLANK = "about:blank"
Kind = tuple[tuple[str, Any], ...]  # where the site lies, and what a context is told when it is made


class Tab:
    """A page in a context of its own, with what it asked of others and what it complained of."""

    def __init__(self, browser: Browser, home: str, options: dict[str, Any]) -> None:
        self.home = home
        self.problems: list[str] = []
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(10_000)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        watch(self.page, home, self.problems)

    def clean(self) -> None:
        """Leave nothing of a test. Raises where that is not sure, because the page has left the site."""
        for page in self.context.pages:
            if page != self.page:
                page.close()
        if not self.page.url.startswith(self.home):
            raise Error(f"{self.page.url} is not of the site")
        self.page.evaluate("localStorage.clear(); sessionStorage.clear(); window.name = ''")
        self.page.unroute_all()
        self.page.goto(BLANK)
        self.page.emulate_media(media="null")
        self.context.clear_cookies()


class Tabs:
    """The tabs of one browser that no test uses now."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.idle: dict[Kind, list[Tab]] = {}

    @contextmanager
    def lent(self, home: str, fresh: bool = False, **options: Any) -> Iterator[Tab]:
        """Lend a tab, for good where it shall be `fresh`: then its context is new, and closed in the end."""
        kind = (("home", home), *sorted(options.items()))
        idle = [] if fresh else self.idle.setdefault(kind, [])
        tab = idle.pop() if idle else Tab(self.browser, home, options)
        tab.problems.clear()
        kept = False
        try:
            yield tab
            kept = not fresh and self.cleaned(tab)
        finally:
            if kept:
                idle.append(tab)
            else:
                tab.context.close()

    def cleaned(self, tab: Tab) -> bool:
        """Tell whether a tab is as good as new."""
        try:
            tab.clean()
        except Error:
            return False
        return True
