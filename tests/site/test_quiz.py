"""The quiz as a reader takes it: by mouse, by keyboard, twice, on paper, without JavaScript.

A type of question behaves alike in each: one of each type is taken by mouse and by keyboard. All the others are
answered by the page's own buttons in one call, and what each of them then shows is compared.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Locator, Page, expect

from harness.browser.actions import sideways, tab_to, violations
from harness.browser.screens import SCREENS
from publish.parts import lesson, questions, quiz
from publish.sources.course import Course
from tests.publish.conftest import our_site
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
QUESTIONS = questions.by_id(Course(ROOT))
BANK = {id: QUESTIONS[id] for id in quiz.in_order(Course(ROOT), our_site())}  # as the page asks them
GOALS = lesson.load(Course(ROOT)).data.objectives
PAGE = "quiz/index.html"
TOPIC = "patterns/cache-aside.html"  # asks one of the questions
ASKED = "lost-delete"  # this one
FIRST = {question.type: id for id, question in reversed(BANK.items())}  # of each type
SINGLE, MULTIPLE, ORDER = FIRST["single"], FIRST["multiple"], FIRST["order"]

# What a question shows.
LOOK = """box => {
  const seen = all => [...all.entries()].filter(([, one]) => one?.checkVisibility()).map(([at]) => at);
  const of = name => rows.flatMap((row, at) => row.classList.contains(name) ? [at] : []);
  const rows = [...box.querySelectorAll(".quiz-options > li")], key = box.querySelector(".quiz-key");
  return {
    said: box.querySelector(".quiz-says").textContent,
    whys: seen(rows.map(row => row.querySelector(".quiz-why"))),
    right: of("right"),
    wrong: of("wrong"),
    chosen: rows.flatMap((row, at) => row.querySelector("input")?.checked ? [at] : []),
    order: rows.map(row => Number(row.dataset.step)),
    open: box.querySelector(".quiz-check").checkVisibility(),
    key: key.checkVisibility() && [...key.querySelectorAll("ol > li")].map(one => one.innerText),
  };
}"""
OF_EACH = """look => Object.fromEntries(
  [...document.querySelectorAll(".quiz")].map(box => [box.dataset.question, look(box)]))"""
LOOKS = f"() => ({OF_EACH})({LOOK})"
# Answers questions in turn. Returns what each shows then, whether its news has the focus, and what the progress says.
TAKE = f"""tries => tries.map(([id, answer]) => {{
  const box = document.getElementById(`question-${{id}}`), rows = () => [...box.querySelectorAll("[data-step]")];
  for (const [place, step] of rows().length ? answer.entries() : [])
    for (let at; (at = rows().findIndex(row => row.dataset.step == step)) > place;)
      rows()[at].querySelector("button").click();
  for (const [at, input] of box.querySelectorAll(".quiz-options input").entries())
    if (input.checked !== answer.includes(at)) input.click();
  box.querySelector(".quiz-check").click();
  const focused = document.activeElement === box.querySelector(".quiz-says");
  return {{...({LOOK})(box), focused, progress: document.getElementById("quiz-progress").textContent}};
}})"""
Shown = dict[str, Any]  # what LOOK returns


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
    """Answer a question by mouse."""
    for one in tries:
        choose(page, id, one)
        check(page, id)


def take(page: Page, *tries: Callable[[str], list[int]], ids: list[str] | None = None) -> dict[str, list[Shown]]:
    """Answer questions, all where none are named, in one call; return what each showed after each of its tries."""
    ids = [*BANK] if ids is None else ids
    shown = page.evaluate(TAKE, [[id, one(id)] for id in ids for one in tries])
    return {id: shown[at * len(tries) :][: len(tries)] for at, id in enumerate(ids)}


def said(page: Page, id: str) -> Locator:
    return box(page, id).get_by_role("status")


def whys(page: Page, id: str) -> list[int]:
    """Return the options whose reasons can be read."""
    return list(box(page, id).evaluate(LOOK)["whys"])


def stored(page: Page) -> dict[str, Any]:
    """Return what the browser keeps, by question."""
    entries = page.evaluate("Object.entries(localStorage).filter(([name]) => name.startsWith('quiz:'))")
    return {name.removeprefix("quiz:"): json.loads(value) for name, value in entries}


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
    expect(tab.locator("#quiz-progress")).to_contain_text(f"0 of {len(BANK)} answered")
    for number, id in enumerate(FIRST.values(), 1):
        answer(tab, id, key(id))
        expect(said(tab, id)).to_have_text("Right.")
        expect(said(tab, id)).to_be_focused()
        expect(tab.locator("#quiz-progress")).to_contain_text(f"{number} of {len(BANK)} answered")
    others = take(tab, key, ids=[id for id in BANK if id not in FIRST.values()])
    for number, (id, [shown]) in enumerate(others.items(), len(FIRST) + 1):
        assert shown["said"].removesuffix(" See your score") == "Right.", id
        assert shown["focused"], id
        assert number == len(BANK) or f"{number} of {len(BANK)} answered" in shown["progress"]
    for id, shown in tab.evaluate(LOOKS).items():
        assert shown["whys"] == list(range(len(BANK[id].options))), id
        assert shown["right"] == key(id), id
        assert shown["wrong"] == [], id
    assert scores(tab) == expected({*BANK})
    expect(tab.get_by_role("heading", name="Your score")).to_be_visible()
    expect(tab.locator("#quiz-result")).to_contain_text(f"{len(BANK)} of {len(BANK)} right at the first try")
    expect(tab.get_by_role("button", name="Retry the misses")).to_have_count(0)
    expect(tab.get_by_role("heading", name="Read again")).to_have_count(0)


def expect_first_miss(id: str, shown: Shown) -> None:
    """Expect that a wrong first try explains what was chosen, and tells nothing else."""
    assert shown["said"].startswith("Not right yet"), id
    assert shown["open"], id
    assert shown["key"] is False, id
    assert shown["whys"] == (miss(id) if BANK[id].options else []), id
    assert shown["right"] == [], id


def expect_second_miss(id: str, shown: Shown) -> None:
    """Expect that a wrong second try shows the answer and every reason."""
    assert shown["said"].startswith("Not right. Here is the answer, and why."), id
    assert not shown["open"], id
    assert shown["key"] == BANK[id].steps, id
    if BANK[id].options:
        assert shown["whys"] == list(range(len(BANK[id].options))), id
        assert shown["right"] == key(id), id
        assert shown["wrong"] == miss(id), id


def test_first_wrong_try_explains_what_was_chosen_and_the_second_shows_the_answer(page: Open) -> None:
    tab = page(PAGE)
    for id in FIRST.values():
        answer(tab, id, miss(id))
        expect_first_miss(id, box(tab, id).evaluate(LOOK))
        check(tab, id)
        expect_second_miss(id, box(tab, id).evaluate(LOOK))
        expect(said(tab, id)).to_be_focused()
        expect(box(tab, id).locator(".quiz-key")).to_be_visible()
    for id, (first, second) in take(tab, miss, miss, ids=[id for id in BANK if id not in FIRST.values()]).items():
        expect_first_miss(id, first)
        expect_second_miss(id, second)
        assert second["focused"], id
    assert scores(tab) == expected(set())


def test_second_try_can_be_right_and_is_no_first(page: Open) -> None:
    tab = page(PAGE)
    for id in FIRST.values():
        answer(tab, id, miss(id), key(id))
        expect(said(tab, id)).to_have_text("Right, at the second try.")
    for id, (_, shown) in take(tab, miss, key, ids=[id for id in BANK if id not in FIRST.values()]).items():
        assert shown["said"].startswith("Right, at the second try."), id
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
    take(tab, key, ids=[id for id in BANK if id not in missed])
    take(tab, miss, miss, ids=missed)
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
    *others, last = BANK
    take(tab, key, ids=others)
    answer(tab, last, key(last))
    said(tab, last).get_by_role("link", name="See your score").click()
    expect(tab.get_by_role("heading", name="Your score")).to_be_in_viewport()


# What the browser keeps


def test_state_is_found_after_a_reload(page: Open, home: str) -> None:
    tab = page(PAGE, home)
    take(tab, miss, ids=[SINGLE])
    take(tab, miss, key, ids=[MULTIPLE])
    take(tab, miss, lambda id: miss(id)[::-1], ids=[ORDER])
    before = tab.evaluate(LOOKS)
    tab.reload()
    assert tab.evaluate(LOOKS) == before
    assert before[ORDER]["order"] == miss(ORDER)[::-1]
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


def foreign(hash: str, right: list[int]) -> dict[str, Any]:
    """Return what may be found in the browser for a question with one right option, and is no state of it."""
    return {
        "no JSON": "{",
        "a number": "5",
        "null": "null",
        "a list": "[[0]]",
        "no tries": {"hash": hash},
        "tries of another kind": {"hash": hash, "tries": 1},
        "tries that are no lists": {"hash": hash, "tries": [0]},
        "an empty try": {"hash": hash, "tries": [[]]},
        "an option that is not there": {"hash": hash, "tries": [[99]]},
        "an option that is no number": {"hash": hash, "tries": [["0"]]},
        "a fraction": {"hash": hash, "tries": [[0.5]]},
        "two options of one": {"hash": hash, "tries": [[0, 1]]},
        "three tries": {"hash": hash, "tries": [[0], [0], [0]]},
        "a try after the right one": {"hash": hash, "tries": [right, [0]]},
        "another hash": {"hash": "0", "tries": [[0]]},
        "no hash": {"tries": [[0]]},
    }


def foreign_order(hash: str, right: list[int]) -> dict[str, Any]:
    """Return the same for a question that asks for an order."""
    return {
        "one step": {"hash": hash, "tries": [[0]]},
        "the same step again and again": {"hash": hash, "tries": [[0] * len(right)]},
    }


def test_corrupt_or_foreign_state_is_dropped_silently(page: Open) -> None:
    """Each fault is put in the place of another question's state, and all are found by one load of the page."""
    tab = page(PAGE)
    answer(tab, MULTIPLE, key(MULTIPLE))
    tab.evaluate("localStorage.setItem('elsewhere', '{')")
    hashes = tab.evaluate(f"() => ({OF_EACH})(box => box.dataset.hash)")
    cases, faults = dict[str, str](), dict[str, Any]()
    for states, types in ((foreign, ("single", "trace")), (foreign_order, ("order",))):
        ids = [id for id, question in BANK.items() if question.type in types]
        names = [*states("", [0])]
        assert len(ids) >= len(names), "too few questions for every fault"
        for id, name in zip(ids, names, strict=False):
            cases[id], faults[id] = name, states(hashes[id], key(id))[name]
    texts = {f"quiz:{id}": one if isinstance(one, str) else json.dumps(one) for id, one in faults.items()}
    tab.evaluate("texts => Object.entries(texts).forEach(([name, text]) => localStorage.setItem(name, text))", texts)
    tab.reload()
    shown = tab.evaluate(LOOKS)
    assert {cases[id]: shown[id]["said"] for id in cases if shown[id]["said"]} == {}
    assert {*stored(tab)} == {MULTIPLE}
    assert shown[MULTIPLE]["said"] == "Right."
    assert all(sorted(shown[id]["order"]) == key(id) for id in cases if BANK[id].steps)
    assert tab.evaluate("localStorage.getItem('elsewhere')") == "{"
    for id, [again] in take(tab, key, ids=[*cases]).items():
        assert again["said"] == "Right.", cases[id]


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
    tab = page("index.html", fresh=True)
    tab.add_init_script("Object.defineProperty(Storage.prototype, 'setItem', { value: () => { throw new Error() } })")
    tab.goto(http + PAGE)
    answer(tab, SINGLE, miss(SINGLE), key(SINGLE))
    expect(said(tab, SINGLE)).to_have_text("Right, at the second try.")


# Everyone


def answer_by_keys(tab: Page, id: str) -> None:
    """Give the right answer by keys alone, and check it."""
    press, inside, question = tab.keyboard.press, f"#question-{id}", BANK[id]

    def focused(selector: str) -> bool:
        return bool(tab.evaluate("selector => document.activeElement.matches(selector)", selector))

    if question.type == "order":
        for place, step in enumerate(key(id)):
            for _ in range(order(tab, id).index(step) - place):
                move = f"{inside} [data-step='{step}'] .quiz-move:first-of-type"
                if not focused(move):
                    tab.locator(f"{inside} .quiz-options button:enabled").first.focus()
                    if not focused(move):
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
    if not focused(f"{inside} .quiz-check"):
        tab_to(tab, f"{inside} .quiz-check")
    press("Enter")


def test_keyboard_alone_takes_the_quiz(page: Open) -> None:
    tab = page(PAGE)
    by_keys = [id for id in BANK if id in FIRST.values()]  # in the order of the page
    take(tab, key, ids=[id for id in BANK if id not in by_keys])
    for id in by_keys:
        answer_by_keys(tab, id)
        expect(said(tab, id)).to_contain_text("Right.")
        expect(said(tab, id)).to_be_focused()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "See your score"
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="Your score")).to_be_in_viewport()
    tab_to(tab, "#quiz-result button")
    tab.keyboard.press("Enter")
    assert stored(tab) == {}
    assert box(tab, next(iter(BANK))).locator(":focus").count() == 1


def test_screen_readers_get_names_groups_and_news(page: Open) -> None:
    """By the browser's own computation, of the whole page in one call."""
    tab = page(PAGE)
    news = tab.locator(".quiz-says").evaluate_all("all => all.map(one => [one.role, one.ariaLive])")
    assert news == [["status", "polite"]] * len(BANK)
    parts = yaml.safe_load(tab.locator("article").aria_snapshot())[0]["article"]
    groups = [part for part in parts if isinstance(part, dict) and next(iter(part)).startswith("group ")]
    for number, (group, question) in enumerate(zip(groups, BANK.values(), strict=True), 1):
        (_, name), *inside = named(group)
        assert name.startswith(f"Question {number} {plain(question.ask)[:40]}")
        role = "checkbox" if question.type == "multiple" else "radio"
        texts = [option.text if question.type == "trace" else plain(option.text) for option in question.options]
        moves = [f"Move {way}: {step}" for step in question.steps for way in ("up", "down")]
        wanted = [*((role, " ".join(text.split())) for text in texts), *(("button", move) for move in moves)]
        assert [one for one in wanted if inside.count(one) != 1] == [], name


def named(part: Any) -> Iterator[tuple[str, str]]:
    """Yield the roles and names of a part of the page, and of all within it, as its snapshot has them."""
    if isinstance(part, str):
        if match := re.match(r'(\w+) ("(?:[^"\\]|\\.)*")', part):
            yield match[1], json.loads(match[2])
    elif isinstance(part, dict):
        for pair in part.items():
            yield from named([*pair])
    elif isinstance(part, list):
        for one in part:
            yield from named(one)


# What each question offers without JavaScript: what of its answer is seen while it is closed, and what once it is open.
UNSCRIPTED = """() => [...document.querySelectorAll(".quiz")].map(box => {
  const details = box.querySelector("details"), all = pick => [...details.querySelectorAll(pick)];
  const seen = () => all("li, p").filter(one => one.checkVisibility()).length;
  const closed = details.open ? null : seen();
  details.open = true;
  return {
    closed,
    hidden: all("li, p").length - seen(),
    shown: [...box.querySelectorAll(".quiz-options > li")].filter(one => one.checkVisibility()).length,
    reasons: all(".quiz-why").map(one => one.innerText),
    rights: all(".quiz-why").flatMap((one, at) => one.dataset.right === "true" ? [at] : []),
    steps: all("ol > li").map(one => one.innerText),
    words: details.innerText,
    link: details.querySelector("p:last-child a").checkVisibility(),
  };
})"""


def test_without_javascript_every_answer_can_be_opened_and_none_lies_open(page: Open) -> None:
    tab = page(PAGE, java_script_enabled=False)
    assert tab.locator("article button:visible:not(.proof)").count() == 0
    for id in FIRST.values():
        expect(box(tab, id).locator("details p").last).to_be_hidden()
        box(tab, id).get_by_text("Answer and why").click()
        expect(box(tab, id).locator("details p").last).to_be_visible()
    for question, seen in zip(BANK.values(), tab.evaluate(UNSCRIPTED), strict=True):
        assert seen["closed"] == (None if question.id in FIRST.values() else 0), question.id
        assert (seen["hidden"], seen["link"]) == (0, True), question.id
        assert seen["shown"] == len(question.options or question.steps), question.id
        texts = [option.why for option in question.options] or [question.why]
        reasons = seen["reasons"] if question.options else [seen["words"]]
        for text, reason in zip(texts, reasons, strict=True):
            assert re.split(r"[`\[]", text)[0].strip() in " ".join(reason.split()), question.id
        assert seen["rights"] == (key(question.id) if question.options else []), question.id
        assert seen["steps"] == question.steps, question.id


@pytest.mark.parametrize("javascript", [True, False])
def test_paper_asks_and_tells_nothing(page: Open, javascript: bool) -> None:
    tab = page(PAGE, java_script_enabled=javascript)
    if javascript:
        take(tab, miss, key)
    else:
        tab.locator(".quiz details").evaluate_all("all => all.forEach(one => one.open = true)")
    tab.emulate_media(media="print")
    assert tab.locator(".quiz legend:visible").count() == len(BANK)
    rows = "box => [...box.querySelectorAll('.quiz-options > li')].filter(one => one.checkVisibility()).length"
    shown = tab.locator(".quiz").evaluate_all(f"all => all.map({rows})")
    assert shown == [len(question.options or question.steps) for question in BANK.values()]
    told = ".quiz-why, .quiz-key, .quiz-answer, .quiz-says, .quiz-scores, article button"
    assert tab.locator(told).locator("visible=true").count() == 0
    boxes = tab.locator(".quiz-options input").evaluate_all("all => all.map(one => getComputedStyle(one).appearance)")
    assert {*boxes} == {"none"}, "what was chosen is printed"


def part(id: str) -> list[int]:
    """Return what is right so far, and not all of it; where there is no such thing, the right answer."""
    return key(id)[:1] if BANK[id].type == "multiple" else key(id)


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_and_nothing_is_too_wide_in_any_state(page: Open, width: int, scheme: str) -> None:
    """The questions of each type are in all states at once, then all answered. Nothing answered is as the page opens,
    and so it is looked at with every other page."""
    tab = page(PAGE, width=width, color_scheme=scheme)
    for type in questions.TYPES:
        asked, chosen, *others = [id for id, question in BANK.items() if question.type == type]
        if BANK[asked].options:
            choose(tab, chosen, miss(chosen))
            check(tab, asked)
        ids = others if BANK[asked].options else [asked, chosen, *others]
        states = [(miss,), (miss, miss), (key,), (miss, key), (part,)]
        assert len(ids) >= 3
        for at, tries in enumerate(states):
            take(tab, *tries, ids=ids[at :: len(states)])
    found = violations("in all states", [tab])
    assert not sideways(tab)
    unanswered = [id for id, shown in tab.evaluate(LOOKS).items() if shown["open"]]
    take(tab, key, ids=unanswered)
    expect(tab.locator("#quiz-score")).to_be_visible()
    found += violations("all answered, with misses", [tab])
    assert not sideways(tab)
    assert found == []


def test_script_is_small(site: Path) -> None:
    assert (site / "assets/quiz.js").stat().st_size <= 8192
