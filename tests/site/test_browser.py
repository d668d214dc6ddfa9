"""What a reader does with the site, done in a real browser: by mouse and by keyboard, on a phone and from the disk.

What the template does alike everywhere is tried out on the longest pages; what holds on each page, in test_pages.py.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.browser.actions import copied, sideways, tab_to, violations
from harness.browser.course import (
    ASKING,
    COURSE,
    FOLDED,
    LABELS,
    LISTINGS,
    PAGES,
    PROVED,
    SNIPPETS,
    SOURCES,
    TABBED,
    USED,
    code,
    examples,
    offered,
    programs,
)
from harness.browser.screens import SCREENS
from harness.browser.visit import SCRIPT
from publish.sources.includes import Include
from tests.site.conftest import Open


def first_with(label: str, path: str) -> Include:
    """Return the first include of a page that has a tab of this name."""
    return next(one for one in programs(path) if any(label == file.language.label for file in examples(one)))


# The pages that have all languages, and their first block too
ALIKE = [path for path in TABBED if {*LABELS} <= {*offered(path)} and not first_with(LABELS[2], path).reasons]
FIRST, *OTHERS = [path for path in TABBED if LABELS[1] in offered(path)]


def few(paths: list[str], number: int) -> list[Any]:
    """Return these pages as parameters, all but the longest marked as full: the script is the same on each."""
    longest = sorted(paths, key=lambda path: len(COURSE[path]))[-number:]
    return [pytest.param(path, marks=[] if path in longest else [pytest.mark.full]) for path in paths]


# Tabs


def choose(page: Page, label: str) -> None:
    choices = page.locator(".tabbed-labels:has(:nth-child(2)):visible").get_by_text(label, exact=True)
    if choices.count():  # where there is a choice
        choices.first.click()


def unfold(page: Page) -> None:
    """Open what is folded: hints, solutions, answers."""
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")


def expect_tabs(page: Page, label: str) -> None:
    """Expect that every block of the page that has the tab `label` shows it, and nothing else."""
    page.evaluate(SCRIPT)
    page.wait_for_function(
        "label => (all => all.length && all.every(shown => shown === label))(look.tabs(label))", arg=label
    )


def test_enough_pages_have_all_languages() -> None:
    assert len(ALIKE) > 5


@pytest.mark.parametrize("path", few(ALIKE, 2))
def test_tabs_switch_by_click_and_by_arrow_keys_on_all_blocks_at_once(page: Open, path: str) -> None:
    tab = page(path)
    expect_tabs(tab, LABELS[0])
    choose(tab, LABELS[2])
    expect_tabs(tab, LABELS[2])
    tab.keyboard.press("ArrowLeft")
    expect_tabs(tab, LABELS[1])
    tab.keyboard.press("ArrowRight")
    expect_tabs(tab, LABELS[2])


@pytest.mark.parametrize("path", few(OTHERS, 2))
def test_chosen_language_stays_over_reload_and_pages(page: Open, home: str, path: str) -> None:
    tab = page(FIRST, home)
    choose(tab, LABELS[1])
    tab.reload()
    expect_tabs(tab, LABELS[1])
    tab.goto(home + path)
    expect_tabs(tab, LABELS[1])
    tab.goto(f"{home}index.html")
    tab.locator("article a[href^='patterns/']").first.click()
    expect_tabs(tab, LABELS[1])


# Copying: here by the mouse; test_pages.py compares what each button copies


def test_click_copies_a_block_and_the_whole_file_and_saves_it(page: Open, home: str) -> None:
    path, label = USED[0], LABELS[1]
    tab = page(path, home)
    choose(tab, label)
    expect_tabs(tab, label)
    assert copied(tab, tab.locator(".md-code__button[data-md-type=copy]:visible").first) == next(code(path, label))
    block = tab.locator(".tabbed-block:visible", has=tab.locator("[data-file]")).first
    snippet = SNIPPETS[block.locator(".filename").inner_text()]
    assert copied(tab, block.get_by_role("button", name="Copy whole file")) == snippet.whole
    with tab.expect_download() as download:
        block.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == snippet.file
    assert download.value.path().read_bytes() == snippet.whole.encode()


@pytest.mark.parametrize("path", USED)
def test_everything_is_copied_from_the_disk_as_well(page: Open, site: Path, path: str) -> None:
    tab = page(path, f"{site.as_uri()}/")
    unfold(tab)
    tab.evaluate(SCRIPT)
    seen = tab.evaluate("names => look.copying(names)", offered(path))
    assert seen["copies"] == {label: [*code(path, label)] for label in offered(path)}
    assert seen["files"]
    for one in seen["files"]:
        assert one["text"] == SNIPPETS[one["file"]].whole
        assert one["download"] == (site / one["file"]).as_uri()


def test_click_copies_a_transcript_and_a_source_page(page: Open, http: str) -> None:
    path, include = next(
        (path, include)
        for path in TABBED
        for include in programs(path)
        if any(file.path == f"snippets/{include.example}.redis" for file in SNIPPETS.values())
    )
    snippet = SNIPPETS[f"snippets/{include.example}.redis"]
    tab = page(path)
    text = snippet.sections[include.section].code
    block = tab.locator(".highlight:visible", has_text=text.partition("\n")[0]).first
    assert copied(tab, block.locator(".md-code__button[data-md-type=copy]")) == text
    tab.goto(http + LISTINGS[0])
    listed = SNIPPETS[LISTINGS[0].removeprefix("source/").removesuffix(".html")]
    assert copied(tab, tab.locator(".md-code__button[data-md-type=copy]")) == listed.text.rstrip("\n")


def test_copy_whole_file_says_so_and_can_be_pressed_twice(page: Open) -> None:
    tab = page(FIRST)
    button = tab.locator("[data-file]:visible").first
    for _ in range(2):
        button.press("Enter")
        expect(button).to_have_text("Copied")
    expect(button).to_have_text("Copy whole file")


# Colours


def lightness(page: Page) -> float:
    """Return how light the page is behind its text, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    return float(sum(colour[:3]) / 3)


def test_theme_toggle_works_by_keyboard_and_lasts(page: Open, home: str) -> None:
    tab = page("index.html", home)
    assert lightness(tab) > 200
    tab_to(tab, ".md-option")
    tab.keyboard.press("Enter")
    assert lightness(tab) < 50
    tab.reload()
    assert lightness(tab) < 50
    tab.goto(home + TABBED[0])
    assert lightness(tab) < 50
    tab_to(tab, ".md-option")
    tab.keyboard.press("Enter")
    assert lightness(tab) > 200


# Accessibility


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
@pytest.mark.parametrize("path", USED)  # the longest of each kind: the states are the template's
def test_axe_finds_nothing_on_a_page_in_use(page: Open, path: str, width: int, scheme: str) -> None:
    tab = page(path, width=width, color_scheme=scheme)
    choose(tab, LABELS[1])
    unfold(tab)
    found = violations("second tab chosen, folds open", [tab])
    tab.locator("button.proof").first.click()
    expect(tab.locator(".proof-card").first).to_be_visible()
    found += violations("proof open", [tab], ".proof-card:popover-open")  # it lies over the page, which is as before
    if width == 320:
        tab.keyboard.press("Escape")
        tab.locator("label.md-header__button[for=__drawer]").click()
        expect(tab.locator(".md-sidebar--primary")).to_be_in_viewport()
        found += violations("drawer open", [tab], ".md-sidebar--primary")
        tab.locator(".md-overlay").click(position={"x": 300, "y": 500})
        tab.locator("label.md-header__button[for=__search]").click()
    search(tab, "cache")
    found += violations("search open", [tab], ".md-header")  # it lies over the page, and hides halves of buttons
    assert found == []


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_in_the_tables_of_faults_when_all_are_open(page: Open, width: int, scheme: str) -> None:
    tab = page("reference/faults.html", width=width, color_scheme=scheme)
    unfold(tab)
    assert violations("folds open", [tab]) == []
    assert not sideways(tab)


# Search


def search(page: Page, words: str) -> None:
    """Type into the search, and wait for results."""
    page.locator(".md-search__input").fill(words)
    page.keyboard.press("End")  # the theme waits for a key
    expect(page.locator(".md-search-result__item").first).to_be_visible()


def test_search_finds_and_opens_a_page(page: Open, home: str) -> None:
    tab = page("index.html", home)
    search(tab, "when redis is down")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/patterns/cache-aside.html?h=*")
    expect(tab.get_by_role("heading", name="When Redis is down")).to_be_in_viewport()


def test_search_finds_prose_and_no_code(site: Path) -> None:
    entries = json.loads((site / "search" / "search_index.json").read_text("utf-8"))["docs"]
    text = " ".join(entry["title"] + entry["text"] for entry in entries)
    assert "Read at your own pace" in text
    blocks = [one for path in TABBED for label in LABELS for one in code(path, label)]
    lines = {line.strip() for one in blocks for line in one.split("\n")}
    assert [line for line in sorted(lines) if len(line) > 20 and line in text] == []
    assert "".join(LABELS) not in text
    for proof in [proof for found in SOURCES.proofs.values() for proof in found]:
        assert proof.name not in text
        assert f"{Path(proof.path).name}:{proof.line}" not in text


# The keyboard


def test_everything_works_by_keyboard_with_visible_focus(page: Open, http: str) -> None:
    path = next(path for path in TABBED if path in PROVED and path in ASKING and "(no " not in COURSE[path])
    tab = page(path)
    press = tab.keyboard.press

    tab_to(tab, ".md-skip")
    press("Enter")
    press("Tab")
    assert tab.evaluate("document.activeElement.closest('article') !== null"), "the skip link does not skip"

    tab_to(tab, ".tabbed-set > input")
    press("ArrowRight")
    expect_tabs(tab, LABELS[1])

    expected = [snippet.whole for snippet in SOURCES.snippets.files if snippet.language.label == LABELS[1]]
    tab.evaluate("navigator.clipboard.writeText('')")
    tab_to(tab, ".md-code__button")
    press("Enter")
    tab.wait_for_function("async expected => await navigator.clipboard.readText() === expected",
                          arg=next(code(path, LABELS[1])))  # fmt: skip
    tab_to(tab, "[data-file]")
    press("Space")
    tab.wait_for_function("async expected => expected.includes(await navigator.clipboard.readText())", arg=expected)

    tab_to(tab, "button.proof")
    mark, card = tab.locator("button.proof:focus"), tab.locator(".proof-card:popover-open")
    press("Enter")
    expect(card).to_be_visible()
    press("Escape")
    expect(card).to_be_hidden()
    expect(mark).to_be_focused()
    press("Enter")
    tab_to(tab, ".proof-card a")
    press("Enter")
    tab.wait_for_url("**/source/tests/**#__codelineno-0-*")

    tab.goto(http + path)
    tab_to(tab, ".md-option")
    press("Enter")
    assert lightness(tab) < 50

    tab_to(tab, ".md-search__input")
    tab.keyboard.type("cache")
    expect(tab.locator(".md-search-result__link[href*='?h=cache#']").first).to_be_visible()  # of the whole word
    press("ArrowDown")
    expect(tab.locator(".md-search-result__link").first).to_be_focused()
    press("Escape")
    expect(tab.locator(".md-search-result__item").first).to_be_hidden()

    tab.goto(http + FOLDED[0])
    tab_to(tab, "summary")
    press("Enter")
    expect(tab.locator("details > p").first).to_be_visible()
    press("Space")
    expect(tab.locator("details > p").first).to_be_hidden()


# By the mouse, with and without JavaScript


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("path", USED)
def test_proof_mark_opens_by_a_click_and_closes_by_escape(page: Open, path: str, javascript: bool) -> None:
    tab = page(path, java_script_enabled=javascript)
    unfold(tab)
    marks = tab.locator("button.proof:visible").all()  # a question shows its own once it is answered
    for mark in {0: marks[0], len(marks) // 2: marks[len(marks) // 2], len(marks) - 1: marks[-1]}.values():
        mark.click()
        card = tab.locator(".proof-card:popover-open")
        expect(card).to_have_id(str(mark.get_attribute("popovertarget")))
        box = card.bounding_box()
        assert box
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 1280
        tab.keyboard.press("Escape")
        expect(card).to_be_hidden()


def test_fold_opens_and_tabs_switch_by_a_click_without_javascript(page: Open) -> None:
    tab = page(FOLDED[0], java_script_enabled=False)
    fold = tab.locator("details").first
    expect(fold.locator("summary ~ *").first).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.locator("summary ~ *").first).to_be_visible()
    tab = page(ALIKE[0], java_script_enabled=False)
    block = tab.locator(".tabbed-set").first
    block.locator(".tabbed-labels").get_by_text(LABELS[1], exact=True).click()
    expect(block.locator(".tabbed-block").nth(1)).to_be_visible()
    expect(block.locator(".tabbed-block").nth(0)).to_be_hidden()


@pytest.mark.parametrize("path", LISTINGS)  # the template is the same for all files in a language
def test_link_to_a_line_shows_the_line(page: Open, path: str) -> None:
    source = path.removeprefix("source/").removesuffix(".html")
    lines = [proof.line for found in SOURCES.proofs.values() for proof in found if proof.path == source]
    anchor = f"__codelineno-0-{max(lines, default=SNIPPETS[source].whole.count(chr(10)) if source in SNIPPETS else 1)}"
    expect(page(f"{path}#{anchor}").locator(f"#{anchor}")).to_be_in_viewport()


# Weight


def test_own_script_of_no_page_is_heavy(site: Path) -> None:
    sizes = {file.name: file.stat().st_size for file in (site / "assets").glob("*.js")}
    assert sizes
    used = set()
    for path in PAGES:
        loaded = re.findall(r'<script[^>]* src="[^"]*\bassets/([\w-]+\.js)"', (site / path).read_text("utf-8"))
        assert sum(sizes[name] for name in loaded) <= 20_000, path
        used.update(loaded)
    assert used == {*sizes}, "a script that no page loads"
