"""The decision tree as a reader uses it: by keyboard, by a shared address, on a phone, on paper, without JavaScript."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.browser.actions import sideways, tab_to, violations
from harness.browser.screens import SCREENS
from publish.parts import tree
from publish.sources.course import Course
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
TREE = tree.read(Course(ROOT)).data
PATHS = list(TREE.paths())
DEEP, SHORT = max(PATHS, key=len), min(PATHS, key=len)
PAGE = "decision-tree.html"


def address(path: tuple[tree.Answer, ...]) -> str:
    return f"#path={'.'.join(answer.id for answer in path)}"


def form(page: Page) -> Locator:
    return page.locator(".tree-steps")


def expect_question(page: Page, path: tuple[tree.Answer, ...]) -> None:
    """Expect the question that follows these answers, and nothing of a leaf."""
    asked = TREE.questions[path[-1].to] if path else next(iter(TREE.questions.values()))
    group = form(page).get_by_role("group")
    expect(group).to_have_accessible_name(f"Question {len(path) + 1}, of at most {len(DEEP)} {asked.ask}")
    assert group.get_by_role("button").all_inner_texts() == [answer.text for answer in asked.answers]
    assert said(page) == [answer.text for answer in path]
    expect(form(page).locator(".tree-answer")).to_have_count(0)
    expect(form(page).get_by_role("status")).to_be_empty()
    expect(form(page).get_by_role("button", name="Back")).to_have_count(1 if path else 0)


def expect_leaf(page: Page, path: tuple[tree.Answer, ...]) -> None:
    """Expect what these answers lead to: announced, with its reasons and why not each of the others."""
    leaf = TREE.leaves[path[-1].to]
    expect(form(page).get_by_role("status")).to_have_text(f"The answer: {leaf.name}.")
    expect(form(page).locator("h3[aria-level='2']")).to_contain_text(leaf.name)
    expect(form(page).get_by_role("link", name=": ")).to_have_attribute("href", leaf.page.replace(".md", ".html"))
    names = [leaf.name for leaf in TREE.leaves.values()]
    shown = form(page).locator("dl").last.locator("dt").all_inner_texts()
    assert shown == [name for name in names if name != leaf.name]
    assert said(page) == [answer.text for answer in path]
    expect(form(page).locator("fieldset")).to_have_count(0)


def said(page: Page) -> list[str]:
    return form(page).locator(".tree-trail b").all_inner_texts()


def focus(page: Page, name: str) -> None:
    """Press Tab until the focus is on the button of this name."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == name:
            return
    pytest.fail(f"the Tab key does not reach {name}")


# Walks paths by the buttons of the page. Returns what was asked and offered on each, and what it led to.
WALK = """async paths => {
  const form = document.querySelector(".tree-steps"), all = pick => [...form.querySelectorAll(pick)];
  const press = async text => {
    const turned = new Promise((done, fail) => {
      addEventListener("hashchange", done, {once: true});
      setTimeout(fail, 5000, new Error(`${text} leads nowhere`));
    });
    all("button").find(one => one.textContent === text).click();
    await turned;
  };
  const texts = pick => all(pick).map(one => one.textContent), walked = [];
  for (const path of paths) {
    const asked = [];
    for (const answer of path) {
      asked.push([texts("legend").join(), texts(".tree-choice")]);
      await press(answer);
    }
    const links = all(".tree-answer a").filter(one => one.textContent.includes(": "));
    walked.push({
      asked,
      status: texts("[role=status]").join(),
      links: links.map(one => one.getAttribute("href")),
      others: [...all("dl").at(-1).querySelectorAll("dt")].map(one => one.textContent),
      said: texts(".tree-trail b"),
      focused: document.activeElement.closest(".tree-steps h3") !== null,
      address: location.hash,
    });
    await press("Start again");
  }
  return walked;
}"""


def test_every_path_leads_to_its_leaf(page: Open) -> None:
    walked = page(PAGE).evaluate(WALK, [[answer.text for answer in path] for path in PATHS])
    for path, seen in zip(PATHS, walked, strict=True):
        leaf = TREE.leaves[path[-1].to]
        questions = [next(iter(TREE.questions.values())), *(TREE.questions[answer.to] for answer in path[:-1])]
        assert seen == {
            "asked": [
                [f"Question {at}, of at most {len(DEEP)}{asked.ask}", [answer.text for answer in asked.answers]]
                for at, asked in enumerate(questions, 1)
            ],
            "status": f"The answer: {leaf.name}.",
            "links": [leaf.page.replace(".md", ".html")],
            "others": [other.name for other in TREE.leaves.values() if other != leaf],
            "said": [answer.text for answer in path],
            "focused": True,
            "address": address(path),
        }


def test_the_longest_path_and_the_shortest_are_walked_by_keyboard_alone(page: Open) -> None:
    tab = page(PAGE)
    expect_question(tab, ())
    tab_to(tab, ".tree-choice")  # and the focus is visible there
    tab.keyboard.press("Shift+Tab")
    for path in (DEEP, SHORT):
        for at, answer in enumerate(path):
            expect_question(tab, path[:at])
            focus(tab, answer.text)
            tab.keyboard.press("Enter")
            leads_on = answer.to in TREE.questions
            expect(form(tab).locator("legend" if leads_on else "h3")).to_be_focused()
        expect_leaf(tab, path)
        assert tab.url.endswith(address(path))
        focus(tab, "Start again")
        tab.keyboard.press("Space")
        expect(form(tab).locator("legend")).to_be_focused()
    expect_question(tab, ())
    ids = tab.locator(".tree-leaves .tree-answer h3").evaluate_all("all => all.map(one => one.id)")
    assert ids == [*TREE.leaves], "what was shown is not back in its place"


def test_back_goes_a_question_back_in_the_page_and_in_the_browser(page: Open) -> None:
    tab = page(PAGE)
    for answer in DEEP:
        form(tab).get_by_role("button", name=answer.text).click()
    expect_leaf(tab, DEEP)
    for at in range(len(DEEP) - 1, 0, -1):
        form(tab).get_by_role("button", name="Back").click()
        expect_question(tab, DEEP[:at])
        expect(form(tab).locator("legend")).to_be_focused()
    tab.go_back()
    expect_question(tab, DEEP[:2])
    tab.locator(".tree .tree-leaf a").first.click()  # a link in the page is no answer
    tab.wait_for_url("**#*")
    expect_question(tab, DEEP[:2])


def test_a_shared_address_restores_the_answers_from_the_disk_as_well(page: Open, site: Path) -> None:
    home = f"{site.as_uri()}/"
    tab = page(PAGE + address(DEEP), home)
    expect_leaf(tab, DEEP)
    assert tab.evaluate("document.activeElement === document.body"), "a page that opens takes the focus"
    tab.reload()
    expect_leaf(tab, DEEP)
    for end in (address(PATHS[0])[:-1] + "~", "#why-and-why-not"):
        tab.goto("about:blank")
        tab.goto(home + PAGE + end)
        expect_question(tab, PATHS[0][:-1] if end.endswith("~") else ())  # an old link leads as far as it can
    for end in ("#path=", "#path=.", "#path='\"]"):
        for to, path in ((address(DEEP[:1]), DEEP[:1]), (end, ())):
            tab.evaluate("hash => { location.hash = hash }", to)
            expect_question(tab, path)


def test_without_javascript_the_whole_tree_is_there(page: Open) -> None:
    tab = page(PAGE, java_script_enabled=False)
    expect(form(tab)).to_be_hidden()
    texts = [answer.text for question in TREE.questions.values() for answer in question.answers]
    assert sorted(tab.locator(".tree-text:visible").all_inner_texts()) == sorted(texts)
    assert tab.locator(".tree-leaf:visible a").count() == len(PATHS)
    assert tab.locator(".tree-answer:visible dd:visible").count() == sum(
        len(leaf.beside) + len(leaf.instead) for leaf in TREE.leaves.values()
    )
    expect(tab.locator("figure.diagram svg")).to_be_visible()


def test_paper_has_the_whole_tree_and_nothing_to_press(page: Open) -> None:
    tab = page(PAGE + address(DEEP))
    tab.emulate_media(media="print")
    assert tab.locator(".tree-answer:visible").count() == len(TREE.leaves)
    assert tab.locator(".tree-leaf:visible").count() == len(PATHS)
    assert tab.locator("article button:visible").count() == 0


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_and_nothing_is_too_wide_in_any_state(page: Open, width: int, scheme: str) -> None:
    tab, found = page(PAGE, width=width, color_scheme=scheme), []
    for path in (DEEP[:3], DEEP):
        tab.evaluate("hash => location.hash = hash", address(path))
        expect(form(tab).locator("legend, h3")).to_be_focused()
        assert not sideways(tab)
        found += violations(address(path), [tab])
    assert found == []
