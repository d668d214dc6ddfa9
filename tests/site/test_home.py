"""The home page in a browser: each door leads in one click, and the strip tells the lesson's time."""

import itertools
from pathlib import Path

import pytest
from playwright.sync_api import expect

from publish.parts import lesson
from publish.sources.course import Course
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
PLAN, _ = lesson.load(Course(ROOT))
DOORS = {
    "Learn": [
        "patterns/cache-aside",
        "modeling/keys",
        "ttl/choosing",
        "performance/connections",
        "anti-patterns",
        "decision-tree",
        "reference/patterns",
        "checklist",
        "quiz/index",
        "exercises/index",
        "handout/index",
    ],
    "Teach": ["present/index", "teach/index"],
    "Copy": ["snippets/index"],
}
BARS = """all => all.map(li => {
  const style = getComputedStyle(li, "::after"), box = li.getBoundingClientRect();
  return [parseFloat(style.width), style.backgroundColor, parseFloat(style.marginLeft), box.left, box.width];
})"""


@pytest.mark.parametrize("javascript", [True, False])
def test_each_door_leads_in_one_click(page: Open, http: str, javascript: bool) -> None:
    tab = page("index.html", java_script_enabled=javascript)
    for name, goals in DOORS.items():
        door = tab.locator(".door", has=tab.get_by_role("heading", name=name, exact=True))
        links = [link.get_attribute("href") for link in door.get_by_role("link").all()]
        assert [link for link in links if link and not link.startswith("#")] == [f"{goal}.html" for goal in goals]
        for goal in goals:
            door.locator(f"a[href='{goal}.html']").click()
            tab.wait_for_url(f"{http}{goal}.html*")
            expect(tab.locator("h1, h2").first).to_be_attached()
            tab.goto(f"{http}index.html")


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_strip_is_in_proportion_and_says_its_minutes(page: Open, width: int, scheme: str) -> None:
    tab = page("index.html", width=width, color_scheme=scheme)
    for media in ("screen", "print"):
        tab.emulate_media(media=media)
        rows = tab.locator("ol.strip > li")
        said = [" ".join(row.split()) for row in rows.all_inner_texts()]
        for words, section in zip(said, PLAN.sections, strict=True):
            assert section.title in words
            assert f"{section.minutes} minutes" in words
        bars = rows.evaluate_all(BARS)
        a_minute = [bar[0] / section.minutes for bar, section in zip(bars, PLAN.sections, strict=True)]
        assert max(a_minute) / min(a_minute) < 1.01
        assert all(bar[1] != "rgba(0, 0, 0, 0)" for bar in bars)
        starts = [bar[2] + bar[3] for bar in bars]
        assert starts == sorted(starts)
        for row in rows.locator("span").all():
            box = row.bounding_box()
            assert box
            assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("width", [320, 1000, 1219, 1220, 1280])
def test_words_of_the_strip_stay_whole_and_apart(page: Open, width: int) -> None:
    tab = page("index.html", width=width)
    for section in PLAN.sections:
        if section.title.isalpha():  # one word
            lines = tab.locator(".strip-title", has_text=section.title).evaluate(
                "span => { const range = document.createRange(); range.selectNodeContents(span);"
                " return range.getClientRects().length; }"
            )
            assert lines == 1, section.title
    boxes = tab.locator("ol.strip span").evaluate_all(
        "all => all.map(span => { const range = document.createRange(); range.selectNodeContents(span);"
        " const {left, right, top, bottom} = range.getBoundingClientRect(); return [left, right, top, bottom]; })"
    )
    assert len(boxes) == 2 * len(PLAN.sections)
    for one, other in itertools.combinations(boxes, 2):
        beside = one[1] <= other[0] or other[1] <= one[0]
        above = one[3] <= other[2] or other[3] <= one[2]
        assert beside or above, (one, other)


def test_objectives_are_those_of_the_plan(page: Open) -> None:
    rows = page("index.html").locator("h2#what-you-will-be-able-to-do + ol > li")
    assert rows.all_inner_texts() == PLAN.objectives
