"""A language that some blocks have and others lack: the choice holds, and blocks without it show what stands in."""

from playwright.sync_api import Locator, Page, expect

from harness.browser.course import SOURCES
from publish.sources.includes import included
from tests.site.conftest import Open

VARIANT, ITSELF, OTHER = "Python (async)", "Python", "C#"
SOME = "patterns/write-through.html"  # has blocks with the variant, and blocks in all languages but that
NONE = "patterns/write-behind.html"

# What each set of tabs offers, and what it shows.
SHOWN = """() => [...document.querySelectorAll(".tabbed-set")].map(set => {
  const labels = [...set.querySelectorAll(":scope > .tabbed-labels > label")].map(one => one.innerText.trim());
  return [labels, labels[[...set.querySelectorAll(":scope > input")].findIndex(one => one.checked)]];
})"""


def expect_shown(tab: Page, *wanted: str) -> None:
    """Expect that each set of tabs shows the first of these that it has, and its own first where it has none."""
    for labels, shown in tab.evaluate(SHOWN):
        assert shown == next((one for one in wanted if one in labels), labels[0]), (labels, wanted)


def blocks(tab: Page, variant: bool) -> Locator:
    """Return the sets of tabs that have the variant beside the other languages, or lack it alone."""
    has = tab.locator(".tabbed-set").filter(has=tab.get_by_text(OTHER, exact=True))
    label = tab.locator(".tabbed-labels").get_by_text(VARIANT, exact=True)
    return has.filter(has=label) if variant else has.filter(has_not=label)


def choose(block: Locator, label: str) -> None:
    block.locator(".tabbed-labels").get_by_text(label, exact=True).click()


def test_pages_are_as_these_tests_need_them() -> None:
    for path, expected in ((SOME, {True, False}), (NONE, {False})):
        text = SOURCES.pages[f"docs/{path.removesuffix('.html')}.md"]
        examples = [SOURCES.snippets.examples.get(include.example, {}) for include in included(text)]
        found = [{snippet.language.label for snippet in example.values()} for example in examples]
        assert {VARIANT in labels for labels in found if OTHER in labels} == expected


def test_blocks_without_the_variant_show_the_language_itself(page: Open, home: str) -> None:
    tab = page(SOME, home)
    choose(blocks(tab, True).first, OTHER)
    expect_shown(tab, OTHER)
    choose(blocks(tab, True).first, VARIANT)
    expect_shown(tab, VARIANT, ITSELF)
    tab.reload()
    expect_shown(tab, VARIANT, ITSELF)
    tab.goto(home + NONE)
    expect_shown(tab, ITSELF)
    tab.goto(f"{home}present/index.html")
    tab.wait_for_selector("html.ready")
    expect(tab.locator("#language")).to_have_value(ITSELF)
    expect(tab.locator("#language option")).not_to_contain_text([VARIANT])


def test_each_later_choice_switches_every_block(page: Open) -> None:
    """Also that of what a block showed already when it was to switch, and that by the keys."""
    tab = page(SOME)
    with_it, without = blocks(tab, True).first, blocks(tab, False).first
    for block, label in [(with_it, VARIANT), (with_it, ITSELF), (with_it, OTHER), (without, ITSELF)]:
        choose(block, label)
        expect_shown(tab, label, ITSELF)
    tab.keyboard.press("ArrowRight")
    expect_shown(tab, OTHER)
    choose(with_it, "Node.js")
    tab.keyboard.press("ArrowRight")
    expect_shown(tab, VARIANT, ITSELF)


def test_chosen_block_stays_where_it_is(page: Open) -> None:
    """In a browser that does not see to it by itself, as this one does."""
    tab = page(SOME)
    tab.add_style_tag(content="* { overflow-anchor: none; }")
    choose(blocks(tab, True).first, OTHER)
    last = blocks(tab, True).last
    last.scroll_into_view_if_needed()
    before = last.bounding_box()
    choose(last, VARIANT)
    after = last.bounding_box()
    assert before and after and abs(after["y"] - before["y"]) < 2
