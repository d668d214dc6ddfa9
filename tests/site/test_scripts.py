"""Our scripts keep their names to themselves: one that all scripts can see may meet another."""

import pytest
from playwright.sync_api import Browser, Page

SHARED = {"courseFiles"}  # the texts of all files, which come as a script since file:// loads nothing else
PAGES = ["patterns/cache-aside.html", "quiz/index.html", "checklist.html", "snippets/index.html", "decision-tree.html",
         "reference/patterns.html", "present/index.html"]  # fmt: skip


def names(tab: Page) -> set[str]:
    """Return the names that all scripts of the open page can use."""
    scope = tab.context.new_cdp_session(tab).send("Runtime.globalLexicalScopeNames")["names"]
    return {*tab.evaluate("Object.getOwnPropertyNames(window)"), *scope}


@pytest.mark.parametrize("path", PAGES)
def test_scripts_leave_no_names(browser: Browser, http: str, path: str) -> None:
    """The page is opened with our scripts, and in the same tab without them."""
    with browser.new_context() as context:
        tab = context.new_page()
        tab.goto(http + path)
        for button in tab.locator("[data-file]:visible").all()[:1]:
            button.click()
            tab.wait_for_function("window.courseFiles")
        ours = names(tab)
        tab.route("**/assets/*.js", lambda route: route.abort())
        tab.reload()
        assert ours - names(tab) <= SHARED
