"""The quiz as a reader takes it: by mouse, by keyboard, twice, on paper, without JavaScript."""

import json
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.browser.actions import tab_to, violations
from publish.pages.expand import Press
from publish.parts import questions as bank
from publish.parts import quiz
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
BANK = Press(ROOT).questions
GOALS = bank.objectives(ROOT)
PAGE = "quiz/index.html"
TOPIC = "patterns/cache-aside.html"  # asks one of the questions
ASKED = "lost-delete"  # this one
SINGLE = next(id for id, question in BANK.items() if question.type == "single")
MULTIPLE = next(id for id, question in BANK.items() if question.type == "multiple")
ORDER = next(id for id, question in BANK.items() if question.type == "order")


def box(page: Page, id: str) -> Locator:
    return page.locator(f"#question-{id}")


def key(id: str) -> list[int]:
    """Return the right answer: options, or steps in order."""
    question = BANK[id]
    return [at for at, option in enumerate(question.options) if option.right] or list(range(len(question.steps)))


def miss(id: str) -> list[int]:
    """Return a wrong answer."""
    question = BANK[id]
    return quiz.shuffled(question) if question.steps else [
        at for at, option in enumerate(question.options) if not option.right
    ][:1]  # fmt: skip


def order(page: Page, id: str) -> list[int]:
    """Return the steps as they are shown."""
    steps = box(page, id).locator(".quiz-options > li")
    return [int(step) for step in steps.evaluate_all("all => all.map(one => one.dataset.step)")]


def choose(page: Page, id: str, answer: list[int]) -> None:
    """Choose options, or bring the steps into an order, by mouse."""
    question = box(page, id)
    if BANK[id].type == "order":
        for place, step in enumerate(answer):
            while order(page, id).index(step) > place:
                question.locator(f"[data-step='{step}']").get_by_role("button", name="Move up").click()
        return
    inputs = question.locator(".quiz-options input")
    for at, one in enumerate(inputs.all()):
        if BANK[id].type == "multiple":
            one.set_checked(at in answer)
        elif at in answer:
            one.check()


def plain(markdown: str) -> str:
    """Return the words that Markdown shows: without the marks of code, and outside code without those of emphasis."""
    return "".join(part if at % 2 else part.replace("*", "") for at, part in enumerate(markdown.split("`")))


def check(page: Page, id: str) -> None:
    box(page, id).get_by_role("button", name="Check").click()


def answer(page: Page, id: str, *tries: list[int]) -> None:
    for one in tries:
        choose(page, id, one)
        check(page, id)


def said(page: Page, id: str) -> Locator:
    return box(page, id).get_by_role("status")


def whys(page: Page, id: str) -> list[int]:
    """Return the options whose reasons can be read."""
    reasons = box(page, id).locator(".quiz-options > li").all()
    return [at for at, row in enumerate(reasons) if row.locator(".quiz-why").is_visible()]


def stored(page: Page) -> dict[str, Any]:
    """Return what the browser keeps, by question."""
    entries = page.evaluate("Object.entries(localStorage).filter(([name]) => name.startsWith('quiz:'))")
    return {name.removeprefix("quiz:"): json.loads(value) for name, value in entries}


def put(page: Page, id: str, text: str) -> None:
    """Put into the browser what it then finds for a question."""
    page.evaluate("([name, text]) => localStorage.setItem(name, text)", [f"quiz:{id}", text])


def scores(page: Page) -> dict[str, str]:
    """Return the score by objective."""
    rows = page.locator(".quiz-scores > li").all_inner_texts()
    return {goal: score for goal, score in (re.split(r"\s+(?=\d+ of)", " ".join(row.split())) for row in rows)}


def expected(won: set[str]) -> dict[str, str]:
    """Return what the score must say when these questions were right at the first try."""
    rows = {}
    for number, goal in enumerate(GOALS, 1):
        group = [id for id, question in BANK.items() if question.objective == str(number)]
        if group:
            rows[goal] = f"{len(won & {*group})} of {len(group)}"
    return rows


# Taking it


def test_all_right_at_the_first_try(page: Open, home: str) -> None:
    tab = page(PAGE, home)
    for number, id in enumerate(BANK):
        expect(tab.locator("#quiz-progress")).to_contain_text(f"{number} of {len(BANK)} answered")
        answer(tab, id, key(id))
        expect(said(tab, id)).to_contain_text("Right.")
        expect(said(tab, id)).to_be_focused()
        if BANK[id].options:
            assert whys(tab, id) == list(range(len(BANK[id].options)))
    assert scores(tab) == expected({*BANK})
    expect(tab.get_by_role("heading", name="Your score")).to_be_visible()
    expect(tab.locator("#quiz-result")).to_contain_text(f"{len(BANK)} of {len(BANK)} right at the first try")
    expect(tab.get_by_role("button", name="Retry the misses")).to_have_count(0)
    expect(tab.get_by_role("heading", name="Read again")).to_have_count(0)


def test_first_wrong_try_explains_what_was_chosen_and_the_second_shows_the_answer(page: Open) -> None:
    tab = page(PAGE)
    for id, question in BANK.items():
        answer(tab, id, miss(id))
        expect(said(tab, id)).to_contain_text("Not right yet")
        expect(box(tab, id).get_by_role("button", name="Check")).to_be_visible()
        expect(box(tab, id).locator(".quiz-key")).to_be_hidden()
        if question.options:
            assert whys(tab, id) == miss(id)
        assert box(tab, id).locator(".right").count() == 0
        check(tab, id)
        expect(said(tab, id)).to_contain_text("Not right. Here is the answer, and why.")
        expect(said(tab, id)).to_be_focused()
        expect(box(tab, id).get_by_role("button", name="Check")).to_be_hidden()
        expect(box(tab, id).locator(".quiz-key")).to_be_visible()
        if question.steps:
            assert box(tab, id).locator(".quiz-key ol > li").all_inner_texts() == question.steps
            continue
        assert whys(tab, id) == list(range(len(question.options)))
        marked = box(tab, id).locator(".quiz-options > li").evaluate_all("all => all.map(one => one.className)")
        assert [at for at, name in enumerate(marked) if name == "right"] == key(id)
        assert [at for at, name in enumerate(marked) if name == "wrong"] == miss(id)
    assert scores(tab) == expected(set())


def test_second_try_can_be_right_and_is_no_first(page: Open) -> None:
    tab = page(PAGE)
    for id in BANK:
        answer(tab, id, miss(id), key(id))
        expect(said(tab, id)).to_contain_text("Right, at the second try.")
    assert scores(tab) == expected(set())


def test_part_of_several_right_options_is_called_incomplete(page: Open) -> None:
    tab = page(PAGE)
    answer(tab, MULTIPLE, key(MULTIPLE)[:1])
    expect(said(tab, MULTIPLE)).to_have_text("Right so far, but something is missing. Try once more.")
    assert whys(tab, MULTIPLE) == []


def test_check_without_a_choice_asks_for_one_and_is_no_try(page: Open) -> None:
    tab = page(PAGE)
    check(tab, SINGLE)
    expect(said(tab, SINGLE)).to_have_text("Choose an answer first.")
    assert stored(tab) == {}
    answer(tab, SINGLE, key(SINGLE))
    expect(said(tab, SINGLE)).to_have_text("Right.")


def test_wrong_step_is_named_and_moves_are_announced(page: Open) -> None:
    tab = page(PAGE)
    start = order(tab, ORDER)
    assert start == quiz.shuffled(BANK[ORDER])
    check(tab, ORDER)
    first = next(place for place, step in enumerate(start, 1) if step != place - 1)
    expect(said(tab, ORDER)).to_contain_text(f"step {first} is the first out of place")
    last = box(tab, ORDER).locator(f"[data-step='{start[-1]}']")
    last.get_by_role("button", name="Move up").click()
    expect(said(tab, ORDER)).to_have_text(f"“{BANK[ORDER].steps[start[-1]]}” is now step {len(start) - 1}.")
    expect(last.get_by_role("button", name="Move up")).to_be_focused()


def test_score_sends_back_to_the_pages_and_retries_the_misses(page: Open) -> None:
    tab = page(PAGE)
    missed = [ORDER, SINGLE]
    for id in BANK:
        answer(tab, id, *([miss(id), miss(id)] if id in missed else [key(id)]))
    assert scores(tab) == expected({*BANK} - {*missed})
    links = tab.locator("#quiz-result ul:not(.quiz-scores) a").evaluate_all("all => all.map(one => one.href)")
    wanted = [f"../{BANK[id].page.replace('.md', '.html')}" for id in BANK if id in missed]
    assert links == [tab.evaluate("path => new URL(path, location).href", path) for path in wanted]

    tab.get_by_role("button", name="Retry the misses").click()
    assert {*stored(tab)} == {*BANK} - {*missed}
    expect(tab.locator("#quiz-progress")).to_contain_text(f"{len(BANK) - 2} of {len(BANK)} answered")
    expect(tab.locator("#quiz-result")).to_be_empty()
    again = next(id for id in BANK if id in missed)
    assert box(tab, again).locator(":focus").count() == 1
    expect(box(tab, again)).to_be_in_viewport()
    for id in missed:
        answer(tab, id, key(id))
    assert scores(tab) == expected({*BANK})
    tab.get_by_role("button", name="Start over").click()
    assert stored(tab) == {}
    assert order(tab, ORDER) == quiz.shuffled(BANK[ORDER])
    assert tab.locator(".quiz-options input:checked").count() == 0


def test_last_answer_leads_to_the_score(page: Open) -> None:
    tab = page(PAGE)
    for id in BANK:
        answer(tab, id, key(id))
    said(tab, [*BANK][-1]).get_by_role("link", name="See your score").click()
    expect(tab.get_by_role("heading", name="Your score")).to_be_in_viewport()


# What the browser keeps


def test_state_is_found_after_a_reload(page: Open, home: str) -> None:
    tab = page(PAGE, home)
    answer(tab, SINGLE, miss(SINGLE))
    answer(tab, MULTIPLE, miss(MULTIPLE), key(MULTIPLE))
    answer(tab, ORDER, miss(ORDER), miss(ORDER)[::-1])
    before = {id: (said(tab, id).inner_text(), whys(tab, id)) for id in BANK}
    tab.reload()
    assert {id: (said(tab, id).inner_text(), whys(tab, id)) for id in BANK} == before
    assert order(tab, ORDER) == miss(ORDER)[::-1]
    expect(tab.locator("#quiz-progress")).to_contain_text(f"2 of {len(BANK)} answered")
    check(tab, SINGLE)  # the choice is still there, and this is its second try
    expect(said(tab, SINGLE)).to_contain_text("Here is the answer")


def test_question_on_a_topic_page_shares_its_state_with_the_quiz(page: Open, home: str) -> None:
    tab = page(TOPIC, home)
    answer(tab, ASKED, miss(ASKED))
    tab.goto(home + PAGE)
    expect(said(tab, ASKED)).to_contain_text("Not right yet")
    answer(tab, ASKED, key(ASKED))
    tab.go_back()
    expect(said(tab, ASKED)).to_have_text("Right, at the second try.")
    box(tab, ASKED).get_by_role("button", name="Ask again").click()
    assert box(tab, ASKED).locator("input:focus").count() == 1
    tab.goto(home + PAGE)
    expect(said(tab, ASKED)).to_be_empty()


HASH = "<hash>"
FOREIGN = {
    "no JSON": "{",
    "a number": "5",
    "null": "null",
    "a list": "[[0]]",
    "no tries": {"hash": HASH},
    "tries of another kind": {"hash": HASH, "tries": 1},
    "tries that are no lists": {"hash": HASH, "tries": [0]},
    "an empty try": {"hash": HASH, "tries": [[]]},
    "an option that is not there": {"hash": HASH, "tries": [[99]]},
    "an option that is no number": {"hash": HASH, "tries": [["0"]]},
    "a fraction": {"hash": HASH, "tries": [[0.5]]},
    "two options of one": {"hash": HASH, "tries": [[0, 1]]},
    "three tries": {"hash": HASH, "tries": [[0], [0], [0]]},
    "a try after the right one": {"hash": HASH, "tries": [key(SINGLE), [0]]},
    "another hash": {"hash": "0", "tries": [[0]]},
    "no hash": {"tries": [[0]]},
}


def test_corrupt_or_foreign_state_is_dropped_silently(page: Open) -> None:
    tab = page(PAGE)
    answer(tab, MULTIPLE, key(MULTIPLE))
    tab.evaluate("localStorage.setItem('elsewhere', '{')")
    hash = str(box(tab, SINGLE).get_attribute("data-hash"))
    for name, state in FOREIGN.items():
        text = state if isinstance(state, str) else json.dumps(state)
        put(tab, SINGLE, text.replace(HASH, hash))
        tab.reload()
        assert said(tab, SINGLE).inner_text() == "", name
        assert {*stored(tab)} == {MULTIPLE}, name
        assert said(tab, MULTIPLE).inner_text() == "Right.", name
    assert tab.evaluate("localStorage.getItem('elsewhere')") == "{"
    answer(tab, SINGLE, key(SINGLE))
    expect(said(tab, SINGLE)).to_have_text("Right.")


def test_order_that_is_none_is_dropped(page: Open) -> None:
    tab = page(PAGE)
    hash = box(tab, ORDER).get_attribute("data-hash")
    for steps in ([0], [0] * len(BANK[ORDER].steps)):
        put(tab, ORDER, json.dumps({"hash": hash, "tries": [steps]}))
        tab.reload()
        expect(said(tab, ORDER)).to_be_empty()
        assert len(order(tab, ORDER)) == len(BANK[ORDER].steps)


def test_changed_question_starts_anew(page: Open, site: Path) -> None:
    tab = page(PAGE)
    answer(tab, SINGLE, key(SINGLE))
    answer(tab, MULTIPLE, key(MULTIPLE))
    html = (
        (site / PAGE).read_text("utf-8").replace(str(box(tab, SINGLE).get_attribute("data-hash")), "0123456789abcdef")
    )
    tab.route(f"**/{PAGE}", lambda route: route.fulfill(body=html, content_type="text/html"))
    tab.reload()
    expect(said(tab, SINGLE)).to_be_empty()
    expect(said(tab, MULTIPLE)).to_have_text("Right.")


def test_works_where_nothing_can_be_stored(page: Open, http: str) -> None:
    tab = page("index.html")
    tab.add_init_script("Object.defineProperty(Storage.prototype, 'setItem', { value: () => { throw new Error() } })")
    tab.goto(http + PAGE)
    answer(tab, SINGLE, miss(SINGLE), key(SINGLE))
    expect(said(tab, SINGLE)).to_have_text("Right, at the second try.")


# Everyone


def test_keyboard_alone_takes_the_quiz(page: Open) -> None:
    tab = page(PAGE)
    press = tab.keyboard.press
    for id, question in BANK.items():
        inside = f"#question-{id}"
        if question.type == "order":
            for place, step in enumerate(key(id)):
                for _ in range(order(tab, id).index(step) - place):
                    move = f"{inside} [data-step='{step}'] .quiz-move:first-of-type"
                    if not tab.evaluate("selector => document.activeElement.matches(selector)", move):
                        tab.locator(f"{inside} .quiz-options button:enabled").first.focus()
                        if not tab.evaluate("selector => document.activeElement.matches(selector)", move):
                            tab_to(tab, move)
                    press("Enter")
                    assert box(tab, id).locator(f"[data-step='{step}'] button:focus").count() == 1
        else:
            tab_to(tab, f"{inside} .quiz-options input")
            for at in range(len(question.options)):
                if question.type == "multiple":
                    if at in key(id):
                        press("Space")
                    press("Tab")
                elif at < key(id)[0]:
                    press("ArrowDown")
            if question.type != "multiple" and key(id) == [0]:
                press("Space")
        if not tab.evaluate("selector => document.activeElement.matches(selector)", f"{inside} .quiz-check"):
            tab_to(tab, f"{inside} .quiz-check")
        press("Enter")
        expect(said(tab, id)).to_contain_text("Right.")
        expect(said(tab, id)).to_be_focused()
    press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "See your score"
    press("Enter")
    expect(tab.get_by_role("heading", name="Your score")).to_be_in_viewport()
    tab_to(tab, "#quiz-result button")
    press("Enter")
    assert stored(tab) == {}
    assert box(tab, next(iter(BANK))).locator(":focus").count() == 1


def test_screen_readers_get_names_groups_and_news(page: Open) -> None:
    tab = page(PAGE)
    for id, question in BANK.items():
        group = box(tab, id).get_by_role("group")
        expect(group).to_have_accessible_name(re.compile(re.escape(plain(question.ask)[:40])))
        for option in question.options:
            role: Literal["checkbox", "radio"] = "checkbox" if question.type == "multiple" else "radio"
            text = option.text if question.type == "trace" else plain(option.text)
            expect(group.get_by_role(role, name=text, exact=True)).to_have_count(1)
        for step in question.steps:
            expect(group.get_by_role("button", name=f"Move up: {step}", exact=True)).to_have_count(1)
            expect(group.get_by_role("button", name=f"Move down: {step}", exact=True)).to_have_count(1)
        expect(said(tab, id)).to_have_attribute("aria-live", "polite")


def test_without_javascript_every_answer_can_be_opened_and_none_lies_open(page: Open) -> None:
    tab = page(PAGE, java_script_enabled=False)
    assert tab.locator("article button:visible:not(.proof)").count() == 0
    for id, question in BANK.items():
        texts = [option.why for option in question.options] or [question.why]
        reasons = box(tab, id).locator("details .quiz-why") if question.options else box(tab, id).locator("details p")
        expect(reasons.first).to_be_hidden()
        shown = box(tab, id).locator(".quiz-options > li").all_inner_texts()
        assert len(shown) == len(question.options or question.steps)
        box(tab, id).get_by_text("Answer and why").click()
        for at, text in enumerate(texts):
            expect(reasons.nth(at)).to_be_visible()
            expect(reasons.nth(at)).to_contain_text(re.split(r"[`\[]", text)[0].strip())
        rights = reasons.evaluate_all("all => all.map(one => one.dataset.right)")
        if question.options:
            assert [at for at, right in enumerate(rights) if right == "true"] == key(id)
        else:
            assert box(tab, id).locator("details ol > li").all_inner_texts() == question.steps
        expect(box(tab, id).locator("details p:last-child a")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_paper_asks_and_tells_nothing(page: Open, javascript: bool) -> None:
    tab = page(PAGE, java_script_enabled=javascript)
    if javascript:
        for id in BANK:
            answer(tab, id, miss(id), key(id))
    else:
        for summary in tab.locator(".quiz summary").all():
            summary.click()
    tab.emulate_media(media="print")
    assert tab.locator(".quiz legend:visible").count() == len(BANK)
    for question in BANK.values():
        assert box(tab, question.id).locator(".quiz-options > li:visible").count() == len(
            question.options or question.steps
        )
    told = ".quiz-why, .quiz-key, .quiz-answer, .quiz-says, .quiz-scores, article button"
    assert tab.locator(told).locator("visible=true").count() == 0
    boxes = tab.locator(".quiz-options input").evaluate_all("all => all.map(one => getComputedStyle(one).appearance)")
    assert {*boxes} == {"none"}, "what was chosen is printed"


@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_and_nothing_is_too_wide_in_any_state(page: Open, width: int) -> None:
    tabs = [page(PAGE, width=width), page(PAGE, width=width, color_scheme="dark")]
    found = []

    def look(state: str) -> None:
        found.extend(violations(state, tabs))
        for tab in tabs:
            root = tab.evaluate(
                "(({scrollWidth, clientWidth}) => [scrollWidth, clientWidth])(document.scrollingElement)"
            )
            assert root[0] <= root[1], state
            tab.evaluate("Promise.all(document.getAnimations().map(one => one.finished))")

    look("nothing answered")
    for tab in tabs:
        check(tab, SINGLE)
        for id in BANK:
            if id != SINGLE:
                choose(tab, id, miss(id))
    look("chosen, and asked to choose")
    for tab in tabs:
        for id in BANK:
            answer(tab, id, miss(id))
    look("a first wrong try")
    for tab in tabs:
        for number, id in enumerate(BANK):
            answer(tab, id, miss(id) if number % 2 else key(id))
        expect(tab.locator("#quiz-score")).to_be_visible()
    look("all answered, with misses")
    for tab in tabs:
        tab.get_by_role("button", name="Start over").click()
        for id in BANK:
            answer(tab, id, key(id))
    look("all right")
    assert found == []


def test_script_is_small(site: Path) -> None:
    assert (site / "assets/quiz.js").stat().st_size <= 8192
