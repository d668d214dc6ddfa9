"""Tabs that tests use one after the other: what one test leaves, the next does not find."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from harness.browser.tabs import BLANK, Tab, Tabs

PATH = "checklist.html"
STATE = """() => ({
  stored: [localStorage.length, sessionStorage.length, document.cookie, window.name, typeof window.left],
  media: ["print", "(prefers-color-scheme: dark)"].map(one => matchMedia(one).matches),
  hovered: document.querySelectorAll("article :hover").length,
  scrolled: scrollY,
  title: document.title,
})"""


def leave_all(page: Page) -> None:
    """Leave whatever a test may leave: a mark in each place, and the mouse over a line."""
    page.evaluate("""() => {
      localStorage.setItem("left", "1");
      sessionStorage.setItem("left", "1");
      document.cookie = "left=1";
      window.name = window.left = "left";
    }""")
    page.locator(".ticks li").last.hover()
    page.route("**/checklist.html", lambda route: route.fulfill(body="<title>left</title>", content_type="text/html"))
    with page.expect_popup():
        page.evaluate("window.open('index.html')")
    page.emulate_media(media="print")


def opened(tab: Tab, http: str) -> Any:
    tab.page.goto(f"{http}{PATH}")
    return tab.page.evaluate(STATE)


def test_nothing_that_a_test_leaves_is_found_by_the_next(browser: Browser, home: str) -> None:
    """The page is opened where the mouse was before, so that it would still hover."""
    tabs = Tabs(browser)
    with tabs.lent(home) as tab:
        new = opened(tab, home)
        leave_all(tab.page)
        assert {**opened(tab, home), "title": ""} != {**new, "title": ""}, "nothing was left"
        tab.problems.append("a complaint")
        first = tab
    with tabs.lent(home) as tab:
        assert tab is first
        assert tab.page.url == BLANK
        assert tab.context.pages == [tab.page]
        assert tab.problems == []
        assert opened(tab, home) == new
    first.context.close()


def test_tab_that_left_the_site_or_was_fresh_is_not_used_again(browser: Browser, http: str, site: Path) -> None:
    tabs, before = Tabs(browser), len(browser.contexts)
    with tabs.lent(http) as gone, tabs.lent(http, fresh=True) as fresh:
        assert opened(gone, http) == opened(fresh, http)
        gone.page.goto((site / PATH).as_uri())
    assert len(browser.contexts) == before
    with tabs.lent(http) as tab, tabs.lent(http, java_script_enabled=False) as other, tabs.lent(http) as second:
        assert len({id(one) for one in (gone, fresh, tab, other, second)}) == 5
    for one in (tab, other, second):
        one.context.close()
