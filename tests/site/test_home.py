"""The home page in a browser: each door leads in one click, and the strip tells the lesson's time."""

import itertools
from pathlib import Path

import pytest
from playwright.sync_api import expect

from publish.parts import lesson
from publish.sources.course import Course
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
PLAN = lesson.load(Course(ROOT)).data
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


BOXES = "all => all.map(e => e.getBoundingClientRect()).map(box => [box.left, box.right])"
WORDS = """all => all.map(span => {
  const range = document.createRange();
  range.selectNodeContents(span);
  const {left, right, top, bottom} = range.getBoundingClientRect();
  return [left, right, top, bottom];
})"""
LINES = """all => all.map(span => {
  const range = document.createRange();
  range.selectNodeContents(span);
  return [span.innerText.trim(), range.getClientRects().length];
})"""
LINKS = """() => Object.fromEntries([...document.querySelectorAll(".door")].map(door =>
  [door.querySelector("h2").firstChild.textContent.trim(),
   [...door.querySelectorAll("a")].filter(one => one.checkVisibility()).map(one => one.getAttribute("href"))]))"""


@pytest.mark.parametrize("javascript", [True, False])
def test_each_door_leads_in_one_click(page: Open, http: str, site: Path, javascript: bool) -> None:
    """Its last link is clicked; the others lead where they say."""
    tab = page("index.html", java_script_enabled=javascript)
    doors = {name: [link for link in links if link[0] != "#"] for name, links in tab.evaluate(LINKS).items()}
    assert doors == {name: [f"{goal}.html" for goal in goals] for name, goals in DOORS.items()}
    for links in doors.values():
        assert all((site / link).is_file() for link in links)
        tab.locator(f".door a[href='{links[-1]}']").click()
        tab.wait_for_url(f"{http}{links[-1]}*")
        expect(tab.locator("h1, h2").first).to_be_attached()
        tab.goto(f"{http}index.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_strip_is_in_proportion_and_says_its_minutes(page: Open, scheme: str) -> None:
    tab = page("index.html", color_scheme=scheme)
    rows = tab.locator("ol.strip > li")
    for width, paper in itertools.product((320, 768, 1280), (False, True)):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(media="print" if paper else "screen")
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
        boxes = rows.locator("span").evaluate_all(BOXES)
        assert boxes
        assert all(0 <= box[0] <= box[1] <= width for box in boxes)


def test_words_of_the_strip_stay_whole_and_apart(page: Open) -> None:
    tab = page("index.html")
    for width in (320, 1000, 1219, 1220, 1280):
        tab.set_viewport_size({"width": width, "height": 900})
        lines = dict(tab.locator(".strip-title").evaluate_all(LINES))
        words = [section.title for section in PLAN.sections if section.title.isalpha()]
        assert {word: lines[word] for word in words} == dict.fromkeys(words, 1), width
        boxes = tab.locator("ol.strip span").evaluate_all(WORDS)
        assert len(boxes) == 2 * len(PLAN.sections)
        for one, other in itertools.combinations(boxes, 2):
            beside = one[1] <= other[0] or other[1] <= one[0]
            above = one[3] <= other[2] or other[3] <= one[2]
            assert beside or above, (width, one, other)


def test_objectives_are_those_of_the_plan(page: Open) -> None:
    rows = page("index.html").locator("h2#what-you-will-be-able-to-do + ol > li")
    assert rows.all_inner_texts() == PLAN.objectives
