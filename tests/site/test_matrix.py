"""The pattern matrix as a reader uses it: sorted by mouse and keyboard, on a phone, on paper, without JavaScript."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.browser.actions import sideways, tab_to, violations
from harness.browser.screens import SCREENS
from publish.parts import matrix
from publish.sources.course import Course
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
MATRIX = matrix.read(Course(ROOT)).data
NAMES = [row.name for row in MATRIX.rows]
SORTED = [column for column in MATRIX.columns if column.up]
PAGE = "reference/patterns.html"


def names(page: Page) -> list[str]:
    """Return the patterns in the order in which they are shown."""
    rows = page.locator(".matrix tbody th").evaluate_all("""all => all.map(one => {
      const {x, y} = one.getBoundingClientRect();
      return [one.innerText.trim(), y, x];
    })""")
    return [name for name, *_ in sorted(rows, key=lambda row: row[1:])]


def ranks(page: Page, column: matrix.Column) -> list[int]:
    rows = {row.name: int(row.cells[column.id].rank) for row in MATRIX.rows}
    return [rows[name] for name in names(page)]


def test_every_column_sorts_in_both_directions_and_says_so(page: Open) -> None:
    tab = page(PAGE)
    status = tab.locator(".matrix-sorted")
    expect(status).to_have_attribute("role", "status")
    expect(tab.locator(".matrix [aria-sort]")).to_have_text(["Pattern"])
    for column in SORTED:
        head = tab.get_by_role("columnheader", name=column.title)
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        expect(status).to_have_text(f"Sorted by {column.title.lower()}, {column.up}.")
        assert ranks(tab, column) == sorted(ranks(tab, column))
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "descending")
        expect(status).to_have_text(f"Sorted by {column.title.lower()}, {column.down}.")
        assert ranks(tab, column) == sorted(ranks(tab, column), reverse=True)
        expect(tab.locator(".matrix [aria-sort]")).to_have_count(1)
    tab.get_by_role("columnheader", name="Pattern").get_by_role("button").click()
    assert names(tab) == NAMES
    assert tab.locator(".matrix thead button").count() == len(SORTED) + 1, "what has no ranks has no button"


def test_keyboard_sorts_and_keeps_the_focus(page: Open) -> None:
    tab = page(PAGE)
    tab_to(tab, ".matrix thead th:nth-child(5) button")
    tab.keyboard.press("Enter")
    complexity = next(column for column in MATRIX.columns if column.id == "complexity")
    assert ranks(tab, complexity) == sorted(ranks(tab, complexity))
    expect(tab.locator(".matrix thead th:nth-child(5) button")).to_be_focused()
    tab.keyboard.press("Space")
    assert ranks(tab, complexity) == sorted(ranks(tab, complexity), reverse=True)


def test_a_phone_shows_a_card_for_each_pattern_with_the_name_of_each_cell(page: Open) -> None:
    tab = page(PAGE, width=320)
    for width in (320, 480):
        tab.set_viewport_size({"width": width, "height": 900})
        assert not sideways(tab)
        assert names(tab) == NAMES
        labels = tab.locator(".matrix td").evaluate_all("""all => all.map(one => {
          const {left, right} = one.getBoundingClientRect(), {content, display} = getComputedStyle(one, "::before");
          return left < 0 || right > innerWidth || display === "none" ? "" : content.replace(/"/g, "");
        })""")
        assert labels == [column.title for column in MATRIX.columns] * len(NAMES)
        tab.get_by_role("button", name="Complexity").click()
        assert names(tab) != NAMES
        rows = tab.get_by_role("table").get_by_role("row")
        expect(rows).to_have_count(len(NAMES) + 1)
        expect(rows.last.get_by_role("cell")).to_have_count(len(MATRIX.columns))
        tab.get_by_role("button", name="Pattern").click()


def test_without_javascript_and_on_paper_it_is_complete_and_in_order(page: Open) -> None:
    plain, paper = page(PAGE, java_script_enabled=False), page(PAGE)
    paper.emulate_media(media="print")
    for width in (320, 1280):
        for tab in (plain, paper):
            tab.set_viewport_size({"width": width, "height": 900})
            assert names(tab) == NAMES
            assert tab.locator(".matrix td:visible").count() == len(NAMES) * len(MATRIX.columns)
            assert not sideways(tab)
        heads = paper.locator(".matrix thead th").all_inner_texts()
        assert [head.strip() for head in heads] == ["Pattern", *(column.title for column in MATRIX.columns)]
    assert plain.locator("article button:visible:not(.proof)").count() == 0


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_when_it_is_sorted(page: Open, width: int, scheme: str) -> None:
    tab = page(PAGE, width=width, color_scheme=scheme)
    tab.get_by_role("button", name="Cold start").click()
    assert violations("sorted", [tab]) == []
