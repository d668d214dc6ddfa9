"""The checklist as a reader uses it: by keyboard, over a reload, on paper, without JavaScript or storage."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.browser.actions import tab_to
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
ITEMS = re.findall(r"^- \*\*(.+?)\*\*", (ROOT / "docs/checklist.md").read_text("utf-8"), re.MULTILINE)
PAGE = "checklist.html"
HOME = pytest.mark.parametrize("home", ["http", "file"], indirect=True)


def boxes(page: Page) -> Locator:
    return page.get_by_role("checkbox")


def ticked(page: Page) -> list[str]:
    ticks = page.locator(".ticks input").evaluate_all("all => all.map(one => one.checked)")
    return [item for item, tick in zip(ITEMS, ticks, strict=True) if tick]


def expect_done(page: Page, done: int) -> None:
    expect(page.locator(".ticks-bar [role=status]")).to_have_text(f"{done} of {len(ITEMS)} done")
    expect(page.get_by_role("progressbar", name="Progress")).to_have_js_property("value", done)
    expect(page.get_by_role("button", name="Clear all")).to_have_count(1 if done else 0)


def test_every_line_has_a_box_of_its_name(page: Open) -> None:
    tab = page(PAGE)
    assert len(ITEMS) == 25  # five groups of five, as the page's description says
    for item, box in zip(ITEMS, boxes(tab).all(), strict=True):
        expect(box).to_have_accessible_name(item)
        assert not box.is_checked()
    expect_done(tab, 0)


@HOME
def test_ticks_are_kept_over_a_reload_and_taken_back(page: Open, home: str) -> None:
    tab = page(PAGE, home)
    for item in (ITEMS[3], ITEMS[17]):
        tab.get_by_text(item, exact=True).click()
    expect_done(tab, 2)
    tab.reload()
    assert ticked(tab) == [ITEMS[3], ITEMS[17]]
    expect_done(tab, 2)
    boxes(tab).nth(3).uncheck()
    expect_done(tab, 1)
    tab.reload()
    assert ticked(tab) == [ITEMS[17]]


def test_keyboard_ticks_and_clears(page: Open) -> None:
    tab = page(PAGE)
    tab_to(tab, ".ticks input")  # and the focus is visible there
    focused = "() => [...document.querySelectorAll('.ticks input')].indexOf(document.activeElement)"
    for at in (0, 1):
        while tab.evaluate(focused) != at:
            tab.keyboard.press("Tab")
        tab.keyboard.press("Space")
    expect_done(tab, 2)
    tab.locator(".ticks input:not(:checked)").evaluate_all("all => all.forEach(one => one.click())")
    expect_done(tab, len(ITEMS))
    boxes(tab).first.focus()
    while not tab.evaluate("document.activeElement.textContent === 'Clear all'"):
        tab.keyboard.press("Shift+Tab")
    expect(tab.get_by_role("button", name="Clear all")).to_be_focused()
    tab.keyboard.press("Enter")
    expect_done(tab, 0)
    expect(boxes(tab).first).to_be_focused()
    tab.reload()
    assert ticked(tab) == []


def test_progress_stays_in_view(page: Open) -> None:
    for width in (390, 1280):
        tab = page(PAGE, width=width)
        boxes(tab).last.scroll_into_view_if_needed()
        expect(tab.locator(".ticks-bar")).to_be_in_viewport()
        bar, box = tab.locator(".ticks-bar").bounding_box(), boxes(tab).last.bounding_box()
        assert bar and box
        assert box["y"] >= bar["y"] + bar["height"], "the bar lies over what is ticked"


def test_what_the_browser_kept_may_be_anything(page: Open) -> None:
    tab = page(PAGE)
    for kept in ("", "{", "null", "3", '"x"', '["gone"]', '{"a": 1}'):
        tab.evaluate("kept => localStorage.setItem('ticks', kept)", kept)
        tab.reload()
        expect_done(tab, 0)
    boxes(tab).first.check()
    tab.reload()
    assert ticked(tab) == ITEMS[:1]


def test_without_storage_it_ticks_and_counts(page: Open) -> None:
    tab = page("index.html", fresh=True)
    tab.context.add_init_script("""for (const name of ["getItem", "setItem"]) {
      const own = Storage.prototype[name];
      Storage.prototype[name] = function (key, ...rest) {
        if (key === "ticks") throw new DOMException("no room", "QuotaExceededError");
        return own.call(this, key, ...rest);
      };
    }""")
    tab.goto(tab.url.replace("index.html", PAGE))
    boxes(tab).first.check()
    expect_done(tab, 1)


def test_without_javascript_and_on_paper_every_line_is_there(page: Open) -> None:
    plain, paper = page(PAGE, java_script_enabled=False), page(PAGE)
    boxes(paper).first.check()
    paper.emulate_media(media="print")
    for tab in (plain, paper):
        words = tab.locator(".ticks li").all_inner_texts()
        assert [item for item, line in zip(ITEMS, words, strict=True) if item not in line] == []
        assert tab.locator(".ticks li >> visible=true").count() == len(ITEMS)
    assert paper.locator(".ticks-bar").is_hidden()
    # a box for the pen: the stylesheet draws it where there is no real one
    assert plain.evaluate("getComputedStyle(document.querySelector('.ticks li'), '::before').content") != "none"
