"""What a reader does with the site, done in a real browser: by mouse and by keyboard, on a phone and on paper."""

import gzip
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.browser.actions import WIDTHS, copied, tab_to, violations
from harness.browser.server import Served
from publish.sources import blocks
from publish.sources.course import Course
from publish.sources.includes import Include, included
from publish.sources.languages import PROGRAMMING
from publish.sources.snippets import RESERVED
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = Course(ROOT)
SNIPPETS = {snippet.path: snippet for snippet in SOURCES.snippets.files}
LABELS = [language.label for language in PROGRAMMING]


def includes(text: str) -> list[Include]:
    return [include for include in included(text) if include.example in SOURCES.snippets.examples]


COURSE = {  # the pages that people wrote, by their address
    file.relative_to(ROOT / "docs").with_suffix(".html").as_posix(): file.read_text("utf-8")
    for file in sorted((ROOT / "docs").rglob("*.md"))
    if "_course" not in file.parts
}
TABBED = [path for path, text in COURSE.items() if any(include.section != RESERVED for include in includes(text))]
DRAWN = [path for path, text in COURSE.items() if "```mermaid" in text]
PROVED = [path for path, text in COURSE.items() if "](proof:" in text]
ASKING = [path for path, text in COURSE.items() if "::: quiz " in text]
FOLDED = [path for path, text in COURSE.items() if "??? " in text]
# The longest of each kind. What the template does alike everywhere is tried out on these, at each of its states.
USED = [max({*TABBED} & {*PROVED} & {*kind}, key=lambda path: len(COURSE[path])) for kind in (ASKING, FOLDED)]


@pytest.fixture
def pages(site: Path) -> list[str]:
    """Every page of the site; of the listings, which differ in their lines only, those that try the template most."""
    paths = [file.relative_to(site).as_posix() for file in sorted(site.rglob("*.html"), key=lambda f: f.stat().st_size)]
    longest = {Path(path).with_suffix("").suffix: path for path in paths if path.startswith("source/")}  # by language
    return sorted(path for path in paths if not path.startswith("source/") or path in longest.values())


def offered(path: str) -> list[str]:
    """Return the languages of the programs that a page shows."""
    found = [include for include in includes(COURSE[path]) if include.section != RESERVED]
    labels = {one.language.label for include in found for one in SOURCES.snippets.examples[include.example].values()}
    return [label for label in LABELS if label in labels]


def first_with(label: str, path: str) -> Include:
    """Return the first include of a page that has a tab of this name."""
    programs = SOURCES.snippets.examples
    found = [include for include in includes(COURSE[path]) if include.section != RESERVED]
    return next(one for one in found if any(label == of.language.label for of in programs[one.example].values()))


# Tabs


SHOWN = """label => [...document.querySelectorAll(".tabbed-set")].filter(set => set.checkVisibility()).flatMap(set => {
  const labels = [...set.querySelectorAll(":scope > .tabbed-labels > label")].map(one => one.innerText);
  const blocks = [...set.querySelectorAll(":scope > .tabbed-content > .tabbed-block")];
  return labels.includes(label) ? blocks.map((block, i) => block.checkVisibility() ? labels[i] : "").join("") : [];
})"""


def choose(page: Page, label: str) -> None:
    choices = page.locator(".tabbed-labels:has(:nth-child(2)):visible").get_by_text(label, exact=True)
    if choices.count():  # where there is a choice
        choices.first.click()


def unfold(page: Page) -> None:
    """Open what is folded: hints, solutions, answers."""
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")


def expect_tabs(page: Page, label: str) -> None:
    """Expect that every block of the page that has the tab `label` shows it, and nothing else."""
    page.wait_for_function(
        f"label => (all => all.length && all.every(shown => shown === label))(({SHOWN})(label))", arg=label
    )


def test_tabs_switch_by_click_and_by_arrow_keys_on_all_blocks_at_once(page: Open) -> None:
    paths = [path for path in TABBED if offered(path) == LABELS and not first_with(LABELS[2], path).reasons]
    assert len(paths) > 5
    for path in paths:
        tab = page(path)
        expect_tabs(tab, LABELS[0])
        choose(tab, LABELS[2])
        expect_tabs(tab, LABELS[2])
        tab.keyboard.press("ArrowLeft")
        expect_tabs(tab, LABELS[1])
        tab.keyboard.press("ArrowRight")
        expect_tabs(tab, LABELS[2])


def test_chosen_language_stays_over_reload_and_pages(page: Open, home: str) -> None:
    first, *others = [path for path in TABBED if "C#" in offered(path)]
    tab = page(first, home)
    choose(tab, "C#")
    tab.reload()
    expect_tabs(tab, "C#")
    for path in others:
        tab.goto(home + path)
        expect_tabs(tab, "C#")
    tab.goto(f"{home}index.html")
    tab.locator("article a[href^='patterns/']").first.click()
    expect_tabs(tab, "C#")


# Copying


def code(text: str, label: str) -> Iterator[str]:
    """Yield the code that a page shows when the tab `label` is chosen, by the page's source."""
    for block in blocks.split(text):
        if block.fenced and block.info != "mermaid":
            yield textwrap.dedent("\n".join(block.text.split("\n")[1:-1]))
        for include in [] if block.fenced else includes(block.text):
            if include.section == RESERVED:
                yield SOURCES.snippets.outputs[include.example].rstrip("\n")
                continue
            first, *others = SOURCES.snippets.examples[include.example].values()
            shown = next((snippet for snippet in others if snippet.language.label == label), first)
            yield shown.sections[include.section].code


def test_copy_button_of_every_block_gives_exactly_its_code(page: Open, home: str) -> None:
    for number, path in enumerate(TABBED if home.startswith("http") else USED):
        tab = page(path, home)
        unfold(tab)
        labels = offered(path)
        for label in labels if path in USED else labels[number % len(labels) :][:1]:  # the gate has compared each code
            choose(tab, label)
            expect_tabs(tab, label)
            buttons = tab.locator(".md-code__button[data-md-type=copy]:visible").all()
            expected = list(code(COURSE[path], label))
            assert len(buttons) == len(expected)
            some = slice(None) if path in USED else slice(number % 3, None, 3)
            assert [copied(tab, button) for button in buttons[some]] == expected[some]


def test_copy_button_of_a_source_page_gives_the_file(page: Open, http: str, pages: list[str]) -> None:
    tab = page("index.html")
    for path in [path for path in pages if path.startswith("source/")]:
        tab.goto(http + path)
        text = (ROOT / path.removeprefix("source/").removesuffix(".html")).read_text("utf-8")
        assert copied(tab, tab.locator(".md-code__button[data-md-type=copy]")) == text.rstrip("\n")


TARGET = "link => link.hasAttribute('download') && link.href"


def test_whole_file_is_copied_and_downloaded_as_the_contract_tests_ran_it(page: Open, home: str) -> None:
    files, paths = set(), TABBED if home.startswith("http") else USED
    for path in paths:
        tab = page(path, home)
        unfold(tab)
        for label in offered(path):
            choose(tab, label)
            expect_tabs(tab, label)
            for block in tab.locator(".tabbed-block:visible", has=tab.locator("[data-file]")).all():
                snippet = SNIPPETS[block.locator(".filename").inner_text()]
                if snippet.path in files:
                    continue
                files.add(snippet.path)
                assert block.get_by_role("link", name="Download").evaluate(TARGET).endswith(f"/{snippet.path}")
                if len(files) % 4 != 1:
                    continue  # the library's test copies each file, by the same script
                assert copied(tab, block.get_by_role("button", name="Copy whole file")) == snippet.whole
                with tab.expect_download() as download:
                    block.get_by_role("link", name="Download").click()
                assert download.value.suggested_filename == snippet.file
                assert download.value.path().read_bytes() == snippet.whole.encode()
    programs = {path for path, snippet in SNIPPETS.items() if not snippet.language.transcript}
    assert files == programs if paths == TABBED else files


def test_copy_whole_file_says_so_and_can_be_pressed_twice(page: Open) -> None:
    tab = page(TABBED[0])
    button = tab.locator("[data-file]:visible").first
    for _ in range(2):
        button.press("Enter")
        expect(button).to_have_text("Copied")
    tab.wait_for_timeout(2000)
    expect(button).to_have_text("Copy whole file")


# Colours and widths


COLOURS = """() => [document.body, ...document.querySelectorAll("figure.diagram")].map(e => [
  getComputedStyle(e).backgroundColor,
  ...[...e.querySelectorAll("svg :is(text, rect, path)")].map(getComputedStyle).map(({fill, stroke}) => fill + stroke),
].join())"""


def lightness(page: Page) -> float:
    """Return how light the page is behind its text, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    return float(sum(colour[:3]) / 3)


def test_theme_follows_the_system_and_diagrams_follow_the_theme(page: Open) -> None:
    for path in DRAWN:
        tab, dark = page(path), page(path, color_scheme="dark")
        assert lightness(tab) > 200
        assert lightness(dark) < 50
        light_colours, dark_colours = tab.evaluate(COLOURS), dark.evaluate(COLOURS)
        assert len(light_colours) > 1
        assert all(one != other for one, other in zip(light_colours, dark_colours, strict=True))


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


def test_no_page_scrolls_sideways(page: Open, http: str, pages: list[str]) -> None:
    tab, wide = page("index.html"), {}
    for path in pages:
        tab.goto(http + path)
        for label in offered(path) if path in TABBED else [""]:
            if label:
                choose(tab, label)
            for width in (320, 390, 1280):
                tab.set_viewport_size({"width": width, "height": 900})
                if tab.evaluate(WIDTHS)[0] > width:
                    tab.wait_for_timeout(1000)  # the theme moves its search while it takes on a new width
                root = tab.evaluate(WIDTHS)
                if root[0] > root[1]:
                    wide[f"{path} {label} at {width}"] = root
    assert wide == {}


# Accessibility


@pytest.mark.parametrize("half", [0, 1])
def test_axe_finds_nothing_on_any_page(page: Open, http: str, pages: list[str], half: int) -> None:
    tabs, found = [page("index.html"), page("index.html", color_scheme="dark")], []
    for path in pages[half::2]:
        for tab in tabs:
            tab.goto(http + path)
        for widths in [(320, 1280)] if path.startswith("source/") else [(320, 1280), (1280, 320)]:
            for tab, width in zip(tabs, widths, strict=True):
                tab.set_viewport_size({"width": width, "height": 900})
            found += violations(f"{path}, light at {widths[0]}, dark at {widths[1]}", tabs)
    assert found == []


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("path", USED)  # the longest of each kind: the states are the template's
def test_axe_finds_nothing_on_a_page_in_use(page: Open, path: str, width: int) -> None:
    tabs = [page(path, width=width), page(path, width=width, color_scheme="dark")]
    for tab in tabs:
        choose(tab, LABELS[1])
        unfold(tab)
        tab.wait_for_timeout(300)  # the theme looks which blocks scroll
    found = violations("second tab chosen, folds open", tabs)
    for tab in tabs:
        tab.locator("button.proof").first.click()
        expect(tab.locator(".proof-card").first).to_be_visible()
    found += violations("proof open", tabs)
    if width == 320:
        for tab in tabs:
            tab.keyboard.press("Escape")
            tab.locator("label.md-header__button[for=__drawer]").click()
            expect(tab.locator(".md-sidebar--primary")).to_be_in_viewport()
        found += violations("drawer open", tabs)
        for tab in tabs:
            tab.locator(".md-overlay").click(position={"x": 300, "y": 500})
            tab.locator("label.md-header__button[for=__search]").click()
    for tab in tabs:
        search(tab, "cache")
    found += violations("search open", tabs, ".md-header")  # it lies over the page, and hides halves of buttons
    assert found == []


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
    lines = {
        line.strip()
        for path in TABBED
        for label in LABELS
        for one in code(COURSE[path], label)
        for line in one.split("\n")
    }
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
                          arg=next(code(COURSE[path], LABELS[1])))  # fmt: skip
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


# Proofs


# what a mark says, and the name and the rows of its card
CARD = """mark => {
  const card = document.getElementById(mark.getAttribute("popovertarget"));
  const words = part => [...part.children].map(one => one.textContent.trim()).join(" ").replace(/\\s+/g, " ");
  return [mark.ariaLabel, card.querySelector(".proof-name").textContent.trim(),
          [...card.querySelectorAll(".proof-row")].map(words)];
}"""
CARDS = f"marks => marks.map({CARD})"


@pytest.mark.parametrize("javascript", [True, False])
def test_proof_mark_opens_to_the_tests_that_prove_the_claim(page: Open, javascript: bool) -> None:
    proofs = Course(ROOT).proofs  # with the ledger that the site was built from
    for path in PROVED if javascript else USED:
        tab = page(path, java_script_enabled=javascript)
        unfold(tab)
        found = tab.locator("button.proof").evaluate_all(CARDS)
        assert found
        for label, name, rows in found:
            assert label == f"Proof: {name}, passed"
            assert rows == [
                f"{proof.language} {Path(proof.path).name}:{proof.line} {proof.outcome} {proof.date}"
                for proof in proofs[name]
            ]
        marks = tab.locator("button.proof:visible").all()  # a question shows its own once it is answered
        for mark in {0: marks[0], len(marks) // 2: marks[len(marks) // 2], len(marks) - 1: marks[-1]}.values():
            mark.click()
            card = tab.locator(".proof-card:popover-open")
            expect(card.locator(".proof-name")).to_have_text(str(mark.evaluate(CARD)[1]))
            box = card.bounding_box()
            assert box
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 1280
            tab.keyboard.press("Escape")
            expect(card).to_be_hidden()


LINE = """id => { // the text of a line on a source page
  const range = document.createRange(), next = document.getElementById(id.replace(/\\d+$/, number => +number + 1));
  range.setStartAfter(document.getElementById(id));
  next ? range.setEndBefore(next) : range.setEndAfter(document.querySelector("pre > code"));
  return range.toString();
}"""
LINES = f"ids => ids.map({LINE})"
PLACES = """cards => cards.flatMap(card => [...card.querySelectorAll("a")].map(link =>
  [link.href, card.querySelector(".proof-name").textContent]))"""


def test_proof_links_lead_to_the_line_of_the_test(page: Open, http: str, site: Path) -> None:
    tab, files = page("index.html"), dict[str, set[tuple[str, str]]]()
    for path in PROVED:
        tab.goto(http + path)
        for url, name in tab.locator(".proof-card").evaluate_all(PLACES):
            address, _, anchor = url.partition("#")
            files.setdefault(address, set()).add((anchor, name))
    assert files
    for number, (address, found) in enumerate(sorted(files.items())):
        listing, lines = address.removeprefix(http), sorted(found)
        source = (ROOT / listing.removeprefix("source/").removesuffix(".html")).read_text("utf-8").splitlines()
        html = (site / listing).read_text("utf-8")
        for anchor, name in lines:
            assert f'id="{anchor}"' in html
            assert name in source[int(anchor.rpartition("-")[2]) - 1]
        if number % 8:
            continue  # the template is the same: a browser looks at one in eight
        tab.goto(f"{address}#{lines[-1][0]}")
        expect(tab.locator(f"#{lines[-1][0]}")).to_be_in_viewport()
        texts = tab.evaluate(LINES, [anchor for anchor, _ in lines])
        assert [name for (_, name), text in zip(lines, texts, strict=True) if name not in text] == []


# Without JavaScript


def test_everything_can_be_read_without_javascript(page: Open) -> None:
    for path, text in COURSE.items():
        tab = page(path, java_script_enabled=False)
        for pick in ("h1, h2, h3", "p, li, td, th"):
            hidden = (
                tab.locator("article")
                .locator(pick)
                .evaluate_all(
                    "all => all.filter(e => !e.closest('.tabbed-block, details, [popover]') && !e.checkVisibility({"
                    "opacityProperty: true, visibilityProperty: true})).map(e => e.outerHTML)"
                )
            )
            assert hidden == []
        folds = tab.locator("details").all()
        for fold in folds[:1]:
            fold.locator("summary").click()
        unfold(tab)
        for fold in folds:
            assert fold.locator("summary ~ *").first.is_visible()
        for label in offered(path) if path in USED else offered(path)[-1:]:
            for choice in tab.locator(".tabbed-labels").get_by_text(label, exact=True).all():
                choice.click()
            shown = [one.rstrip("\n") for one in tab.locator("article pre:visible > code").all_inner_texts()]
            assert shown == list(code(text, label))
        assert tab.locator("article button:visible:not(.proof)").count() == 0, "a button that can do nothing"


# Weight


SHIFT = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => list.getEntries().forEach(entry => sum += entry.value))
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(sum), 100);
})"""


def test_no_page_is_heavy_or_moves_while_it_loads(page: Open, http: str, pages: list[str], served: Served) -> None:
    tab = page("index.html")
    tab.context.new_cdp_session(tab).send("Network.setCacheDisabled", {"cacheDisabled": True})
    for path in pages:
        if path == "present/index.html":
            continue  # the deck has a budget of its own
        tab.goto("about:blank")
        served.clear()
        tab.goto(http + path)
        assert tab.evaluate(SHIFT) <= 0.02, path
        tab.wait_for_load_state("networkidle")
        assert "/search/search_index.json" not in served, "fetched before anybody searches"
        assert sum(served.values()) <= 150_000, served
        assert len([address for address in served if address.endswith((".css", ".js"))]) >= 7, "not a cold load"
        assert not [address for address in served if "mermaid" in address]
        for figure in tab.locator("figure.diagram").all():
            assert len(gzip.compress(figure.inner_html().encode())) <= 10_000


def test_no_page_moves_while_it_loads_on_a_phone(page: Open, http: str, pages: list[str]) -> None:
    tab = page("index.html", width=320)
    for path in pages:
        tab.goto(http + path)
        assert tab.evaluate(SHIFT) <= 0.02, path


def test_own_script_of_no_page_is_heavy(site: Path, pages: list[str]) -> None:
    sizes = {file.name: file.stat().st_size for file in (site / "assets").glob("*.js")}
    assert sizes
    used = set()
    for path in pages:
        loaded = re.findall(r'<script[^>]* src="[^"]*\bassets/([\w-]+\.js)"', (site / path).read_text("utf-8"))
        assert sum(sizes[name] for name in loaded) <= 20_000, path
        used.update(loaded)
    assert used == {*sizes}, "a script that no page loads"


# Paper


INK = """() => [...document.querySelectorAll("article :is(p, pre > code, pre span, td)")]
  .filter(e => e.checkVisibility())
  .every(e => Math.max(...getComputedStyle(e).color.match(/[\\d.]+/g).slice(0, 3).map(Number)) < 200)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_shows_the_code_dark_on_light_and_no_buttons(page: Open, scheme: str) -> None:
    for path in TABBED:
        tab = page(path, color_scheme=scheme)
        choose(tab, LABELS[1])
        tab.emulate_media(media="print")
        shown = [one.rstrip("\n") for one in tab.locator("article pre:visible > code").all_inner_texts()]
        assert all(one in shown for one in code(COURSE[path], LABELS[1]))
        assert tab.locator("button:visible").count() == 0
        tab.wait_for_function(INK)  # waits, because the theme fades from one colour to the other
