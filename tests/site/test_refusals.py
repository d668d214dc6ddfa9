"""A browser that refuses a page something takes away that one convenience, and no other."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

PAGE, QUIZ, CHECKLIST, LIBRARY = "patterns/cache-aside.html", "quiz/index.html", "checklist.html", "snippets/index.html"
DECK = "present/index.html"
NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, {
  configurable: true, get() { throw new DOMException("Access is denied for this document.", "SecurityError"); } });"""
NO_CLIPBOARD = """for (const name of ["write", "writeText"]) navigator.clipboard[name] =
  () => Promise.reject(new DOMException("Write permission denied.", "NotAllowedError"));"""
NO_HISTORY = """history.replaceState = () => { throw new DOMException("Refused.", "SecurityError"); };"""
NO_WORKER = """window.Worker = class { constructor() { throw new DOMException("Refused.", "SecurityError"); } };"""

Refuse = Callable[..., Page]


@pytest.fixture
def refuse(browser: Browser, http: str) -> Iterator[Refuse]:
    """Open a page that runs `script` first, and for which nothing loads that matches `lost`. No error may be thrown."""
    contexts, thrown = [], list[str]()

    def open_page(path: str, script: str = "", lost: str = "", **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.add_init_script(script)
        tab = context.new_page()
        tab.on("pageerror", lambda error: thrown.append(f"{tab.url}: {error}"))
        if lost:
            tab.route(lost, lambda route: route.abort())
        tab.goto(http + path)
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert thrown == []


def switches_tabs(tab: Page) -> None:
    """Choose another language in one example, and see it in all."""
    tab.locator(".tabbed-labels").get_by_text("C#", exact=True).first.click()
    tab.wait_for_function(
        """() => [...document.querySelectorAll(".tabbed-labels > label")].every(label =>
          label.innerText.trim() !== "C#" || document.getElementById(label.htmlFor).checked)"""
    )


def turns_dark(tab: Page) -> None:
    """Switch the palette."""
    tab.locator("label[title='Switch to dark']").click()
    expect(tab.locator("body")).to_have_attribute("data-md-color-scheme", "slate")


def finds(tab: Page) -> None:
    """Search."""
    tab.locator(".md-search__input").click()
    tab.locator(".md-search__input").press_sequentially("stampede")
    expect(tab.locator(".md-search-result__item").first).to_be_visible()


def test_without_storage_a_page_does_all_but_remember(refuse: Refuse) -> None:
    tab = refuse(PAGE, NO_STORAGE, color_scheme="light", permissions=["clipboard-read", "clipboard-write"])
    switches_tabs(tab)
    turns_dark(tab)
    button = tab.locator("[data-file]:visible").first
    button.click()
    expect(button).to_have_text("Copied")
    tab.locator(".md-code__nav button:visible").first.click()
    assert tab.evaluate("navigator.clipboard.readText()") == tab.locator("pre:visible").first.inner_text().strip("\n")
    finds(tab)


def test_without_storage_questions_are_asked_and_lines_ticked(refuse: Refuse) -> None:
    tab = refuse(QUIZ, NO_STORAGE)
    first = tab.locator(".quiz[data-type='single']").first
    first.locator("input").first.check()
    first.get_by_role("button", name="Check").click()
    expect(first.locator(".quiz-says")).not_to_be_empty()
    expect(tab.locator("#quiz-progress")).to_contain_text("answered")
    tab = refuse(CHECKLIST, NO_STORAGE)
    tab.get_by_role("checkbox").first.check()
    expect(tab.locator(".ticks-bar [role=status]")).to_contain_text("1 of ")


def test_without_storage_slides_are_shown_in_each_language(refuse: Refuse) -> None:
    tab = refuse(DECK, NO_STORAGE)
    tab.get_by_label("Language").select_option("C#")
    assert tab.locator(".language:not([hidden])").count() < tab.locator(".language").count()
    tab.get_by_role("button", name="Next", exact=True).click()
    expect(tab.locator("#place")).to_contain_text("2 / ")
    tab.get_by_role("button", name="Dark", exact=True).click()
    expect(tab.locator("html")).to_have_attribute("data-md-color-scheme", "slate")


def test_without_clipboard_a_file_is_not_copied_and_says_so(refuse: Refuse) -> None:
    tab = refuse(PAGE, NO_CLIPBOARD)
    button = tab.locator("[data-file]:visible").first
    button.click()
    expect(button).to_have_text("Not copied: download it")
    with tab.expect_download() as download:
        tab.locator("a[download]:visible").first.click()
    assert download.value.suggested_filename.endswith(".py")
    expect(button).to_have_text("Copy whole file")
    tab.locator(".md-code__nav button:visible").first.click()
    switches_tabs(tab)


def test_file_whose_text_did_not_load_is_asked_for_again(refuse: Refuse) -> None:
    tab = refuse(PAGE, lost="**/snippets/all.js", permissions=["clipboard-read", "clipboard-write"])
    button = tab.locator("[data-file]:visible").first
    button.click()
    expect(button).to_have_text("Not copied: download it")
    expect(button).to_have_text("Copy whole file")
    tab.unroute("**/snippets/all.js")
    button.click()
    expect(button).to_have_text("Copied")


def test_library_whose_address_cannot_change_is_filtered(refuse: Refuse) -> None:
    tab = refuse(LIBRARY, NO_HISTORY)
    tab.get_by_label("Language").select_option("C#")
    expect(tab.locator(".library-filter output")).to_contain_text(" of ")
    assert tab.url.endswith(LIBRARY)


def test_without_workers_a_page_does_all_but_search(refuse: Refuse) -> None:
    tab = refuse(PAGE, NO_WORKER, color_scheme="light")
    switches_tabs(tab)
    turns_dark(tab)
    expect(tab.locator(".md-code__nav button").first).to_be_attached()


def test_without_its_library_the_deck_is_one_long_page(refuse: Refuse) -> None:
    tab = refuse(DECK, lost="**/present/reveal.js")
    expect(tab.locator("h1, h2").nth(1)).to_be_visible()
    expect(tab.locator("#slides > section").last).to_be_visible()
    expect(tab.locator(".controls-bar")).to_be_hidden()


def test_without_the_speaker_view_the_deck_has_its_slides(refuse: Refuse) -> None:
    tab = refuse(DECK, lost="**/present/notes.js")
    tab.get_by_role("button", name="Next", exact=True).click()
    expect(tab.locator("#place")).to_contain_text("2 / ")
    expect(tab.locator("#speaker")).to_be_hidden()
    tab.keyboard.press("s")
    expect(tab.locator("#blocked")).to_be_hidden()
