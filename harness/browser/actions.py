"""What the tests do with an open page: go by the Tab key, copy, search for what axe objects to."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

HERE = Path(__file__).resolve().parent
AXE = "".join(
    file.read_text("utf-8") for file in (HERE / "axe.js", HERE.parent.parent / "node_modules/axe-core/axe.min.js")
)
WIDTHS = "(({scrollWidth, clientWidth}) => [scrollWidth, clientWidth])(document.scrollingElement)"


def violations(state: str, tabs: list[Page], part: str = "html") -> list[Any]:
    """Return what axe finds on pages that are in the same state. Each has a process of its own, so they run at once."""
    for tab in tabs:
        if not tab.evaluate("'axe' in window"):
            tab.evaluate(AXE)
        tab.evaluate("part => { window.found = violations(part) }", part)
    return [[state, *violation] for tab in tabs for violation in tab.evaluate("found")]


def sideways(page: Page) -> bool:
    """Tell whether the page scrolls sideways."""
    scroll, client = page.evaluate(WIDTHS)
    return bool(scroll > client)


def copied(page: Page, button: Locator) -> str:
    """Press a button and return what is in the clipboard after that."""
    page.evaluate("navigator.clipboard.writeText('nothing was copied')")
    button.click()
    for _ in range(100):  # not wait_for_function, which takes a promise for an answer
        text = str(page.evaluate("navigator.clipboard.readText()"))
        if text != "nothing was copied":
            break
        page.wait_for_timeout(50)
    return text


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on what `selector` picks. The focus must be visible there."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            break
    else:
        pytest.fail(f"the Tab key does not reach {selector}")
    focused = page.screenshot(animations="disabled")
    page.evaluate("window.focused = document.activeElement; focused.blur()")
    blurred = page.screenshot(animations="disabled")
    page.evaluate("focused.focus({focusVisible: true})")
    assert focused != blurred, f"nothing shows that {selector} has the focus"
