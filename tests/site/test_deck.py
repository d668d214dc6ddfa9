"""The deck as a presenter uses it: every slide in every language and step, the speaker view beside it, on paper."""

import gzip
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Page, expect
from selectolax.lexbor import LexborHTMLParser

from harness.browser.actions import violations
from harness.browser.server import Served
from publish.pages import gate
from publish.pages.gate import resolve
from publish.parts import lesson
from publish.parts.deck import deck as deck_html
from publish.parts.lesson import Slide, clock
from publish.parts.slide_code import lines_of
from publish.sources.course import Course
from publish.sources.languages import PROGRAMMING
from tests.publish.conftest import our_site
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
PLAN = lesson.load(Course(ROOT)).data
SLIDES = PLAN.slides
LABELS = [language.label for language in PROGRAMMING]
DECK = "present/index.html"
STEPPED = next(slide for slide in SLIDES if slide.steps)
PROVED = next(slide for slide in SLIDES if "](proof:" in slide.body)
OPTIONAL = next(slide for slide in SLIDES if slide.priority == "optional")
CURRENT = "Reveal.getCurrentSlide().id"


@pytest.fixture(scope="session")
def deck(site: Path) -> BeautifulSoup:
    """The deck's HTML."""
    return BeautifulSoup((site / DECK).read_text("utf-8"), "html.parser")


def ready(page: Page) -> Page:
    page.wait_for_selector("html.ready")
    return page


def guessed(slide: Slide) -> bool:
    """Tell whether a slide shows a program and, below it, what it printed. A transcript is no such program."""
    code = re.search(r"^::: (\S+) (?!output).*^::: \S+ output$", slide.body, re.MULTILINE | re.DOTALL)
    return bool(code and not (ROOT / "snippets" / f"{code[1]}.redis").exists())


def steps(slide: Slide) -> int:
    """Count the keys that a slide takes before the next one: a key for each step, and one for what is printed."""
    return max(map(len, slide.steps.values()), default=0) + guessed(slide)


GUESSED = next(slide for slide in SLIDES if guessed(slide) and "](proof:" in slide.body)


# What is built


def test_ids_are_unique_even_where_slides_show_the_same() -> None:
    again = [replace(slide, id=f"{slide.id}-again") for slide in SLIDES]
    twice = replace(PLAN, slides=sorted([*SLIDES, *again], key=lambda slide: slide.path))
    html = LexborHTMLParser(deck_html(twice, Course(ROOT), our_site()))
    ids = Counter(tag.attributes["id"] for tag in html.css("[id]"))
    assert [name for name, count in ids.items() if count > 1] == []
    assert {slide.id for slide in twice.slides} <= set(ids)
    for name in ("popovertarget", "aria-labelledby", "aria-describedby"):
        assert {part for tag in html.css(f"[{name}]") for part in str(tag.attributes[name]).split()} <= set(ids)


def test_each_slide_links_to_its_page_and_states_its_seconds(deck: BeautifulSoup) -> None:
    for slide in SLIDES:
        section = deck.select_one(f"section#{slide.id}")
        assert section is not None
        link = section.select_one(".slide-page a")
        assert link is not None and link["href"] == f"../{slide.page.replace('.md', '.html')}"
        assert section["data-timing"] == str(round(slide.minutes * 60))


def test_gate_refuses_a_slide_whose_anchor_is_gone(site: Path, tmp_path: Path) -> None:
    text = "a link to ../patterns/cache-aside.html#read: the page has no such anchor"  # as the deck alone links to it
    page = tmp_path / "patterns" / "cache-aside.html"
    for path in (tmp_path / DECK, page):  # without all others, which the gate then misses too
        path.parent.mkdir()
        shutil.copy(site / path.relative_to(tmp_path), path)
    assert text not in [fault.text for fault in gate.check(Course(ROOT), tmp_path)]
    page.write_text(page.read_text("utf-8").replace('id="read"', 'id="reading"'), "utf-8")
    places = {slide.path for slide in SLIDES if slide.page == "patterns/cache-aside.md#read"}
    assert [fault.text for fault in gate.check(Course(ROOT), tmp_path) if fault.path in places] == [text]


def nav(entry: Any) -> Iterator[str]:
    """Yield the sources of the pages that a part of the navigation names."""
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from nav(part)


def test_topic_pages_and_slides_lead_to_each_other(site: Path) -> None:
    first = {slide.page.partition("#")[0]: slide.id for slide in reversed(SLIDES)}
    config = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = list(nav(yaml.safe_load(config[config.index("\nnav:") : config.index("\ntheme:")])["nav"]))
    topics = {page for page in named if page.startswith("patterns/")} | set(first)
    assert topics <= set(first), "a topic page without a slide"
    for page in sorted(topics):
        path = page.replace(".md", ".html")
        links = LexborHTMLParser((site / path).read_text("utf-8")).css("a[href*='present/']")
        here = [str(link.attributes["href"]) for link in links if link.text() == "Present from here"]
        assert len(here) == 1
        target, _, slide = here[0].partition("#/")
        assert (resolve(path, target, "/"), slide) == (DECK, first[page])


def test_links_from_pages_land_on_their_slide(page: Open, home: str) -> None:
    tab = page("index.html", home)
    for path in ("index.html", "patterns/cache-aside.html"):
        tab.goto(home + path)
        tab.get_by_role("link", name="Present from here").click()
        ready(tab)
        source = path.replace(".html", ".md")
        first = next(slide.id for slide in SLIDES if slide.page.startswith(source))
        assert tab.evaluate(CURRENT) == first
        tab.locator(".present .slide-page a").click()
        tab.wait_for_url(f"**/{path}*")


def test_every_slide_is_reached_by_its_id(page: Open) -> None:
    tab = ready(page(f"{DECK}#/{SLIDES[-1].id}"))
    reached = tab.evaluate(
        """async ids => {
          const reached = [];
          for (const id of ids) {
            const moved = new Promise((done, fail) => {
              addEventListener("hashchange", done, {once: true});
              setTimeout(fail, 5000, new Error(`the address does not become ${id}`));
            });
            location.hash = `#/${id}`;
            await moved;
            const slide = Reveal.getCurrentSlide();
            reached.push(slide.checkVisibility({visibilityProperty: true}) && slide.id);
          }
          return reached;
        }""",
        [slide.id for slide in SLIDES],
    )
    assert reached == [slide.id for slide in SLIDES]


def test_deck_is_light(page: Open, served: Served, site: Path) -> None:
    before = dict(served)
    ready(page(DECK, fresh=True)).wait_for_load_state("networkidle")
    sent = {path: size - before.get(path, 0) for path, size in served.items() if size > before.get(path, 0)}
    assert sum(sent.values()) <= 250_000, sent
    assert len(gzip.compress((site / "assets" / "deck.js").read_bytes())) <= 20_000


# Looks

CUT = """() => {
  const slide = document.querySelector("section.present .slide"), out = [], edge = slide.getBoundingClientRect();
  for (const e of slide.querySelectorAll("*")) {
    const box = e.getBoundingClientRect(), name = e.localName + "." + e.className?.toString();
    if (e.closest(".proof-card, svg *") || !box.width) continue;
    const high = e.scrollHeight > e.clientHeight + 1 && !e.matches("h1, h2"); // their line is lower than their letters
    if (e.matches("pre, pre code, p, li, table, div, h1, h2"))
      if (e.scrollWidth > e.clientWidth + 1 || high) out.push(name + " overflows");
    const wide = box.left < edge.left - 1 || box.right > edge.right + 1;
    if (wide || box.top < edge.top - 1 || box.bottom > edge.bottom + 1)
      out.push(name + " leaves the slide");
  }
  for (const line of slide.querySelectorAll(".line")) {
    if (!line.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(line);
    const inner = line.closest("pre").getBoundingClientRect(), text = range.getBoundingClientRect();
    if (text.right > inner.right) out.push("a line leaves its block: " + line.textContent);
  }
  const bar = document.querySelector(".bar").getBoundingClientRect();
  if (edge.bottom > bar.top + 1) out.push("the bar covers the slide");
  return out;
}"""


# Goes through slides, each given by its id and its steps, in every language; returns what is cut, by slide.
CUTS = f"""([slides, labels]) => {{
  const cut = {{}}, language = document.getElementById("language");
  Reveal.layout();
  for (const [id, steps] of slides)
    for (const label of labels) {{
      language.value = label;
      language.dispatchEvent(new Event("change"));
      for (let step = -1; step < steps; step++) {{
        Reveal.slide(Reveal.getIndices(document.getElementById(id)).h, 0, step);
        const found = ({CUT})();
        if (found.length) cut[`${{id}} in ${{label}} at step ${{step}}`] = found;
      }}
    }}
  return cut;
}}"""


def test_nothing_is_cut_on_any_slide_in_any_language_at_any_step(page: Open) -> None:
    tab = ready(page(DECK))
    for width, height in ((1280, 720), (1024, 768), (1920, 1080)):
        tab.set_viewport_size({"width": width, "height": height})
        cut = tab.evaluate(CUTS, [[[slide.id, steps(slide)] for slide in SLIDES], LABELS])
        assert cut == {}, f"{width} by {height}"


def test_steps_show_their_lines_in_every_language(page: Open) -> None:
    tab = ready(page(f"{DECK}#/{STEPPED.id}"))
    shown = """() => [...document.querySelectorAll("section.present .line")].filter(line => line.checkVisibility())
      .flatMap((line, i) => getComputedStyle(line).boxShadow === "none" ? [] : [i + 1])"""
    for label in LABELS:
        tab.locator("#language").select_option(label)
        assert tab.evaluate(shown) == []
        for step in STEPPED.steps[label]:
            tab.keyboard.press("PageDown")
            assert tab.evaluate(shown) == list(lines_of(step))
        for _ in STEPPED.steps[label]:
            tab.keyboard.press("PageUp")
        assert tab.evaluate(CURRENT) == STEPPED.id


def test_what_a_program_printed_comes_with_the_next_key(page: Open) -> None:
    tab = ready(page(f"{DECK}#/{GUESSED.id}"))
    code, said = (
        tab.locator(f"#{GUESSED.id} {part}") for part in (".language:not([hidden])", ":is(.printed, .printed ~ p)")
    )
    expect(code).to_be_visible()
    assert said.count() == 2
    for key, visible in (("PageDown", True), ("PageUp", False), ("PageDown", True)):
        expect(said.first).to_be_visible(visible=not visible)
        expect(said.last).to_be_visible(visible=not visible)
        tab.keyboard.press(key)
        assert tab.evaluate(CURRENT) == GUESSED.id
    expect(said.first).to_be_visible()
    expect(said.last).to_be_visible()
    tab.keyboard.press("PageDown")
    assert tab.evaluate(CURRENT) != GUESSED.id


def test_scheme_follows_the_system_then_the_site_and_back(page: Open, home: str) -> None:
    light = "getComputedStyle(document.documentElement).backgroundColor === 'rgb(255, 255, 255)'"
    assert not ready(page(DECK, home, color_scheme="dark")).evaluate(light)
    tab = ready(page(DECK, home))
    assert tab.evaluate(light)
    tab.get_by_role("button", name="Dark").click()
    assert not tab.evaluate(light)
    ready(tab).reload()
    assert not ready(tab).evaluate(light)
    tab.goto(f"{home}index.html")
    expect(tab.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    tab.locator("label.md-header__button:visible[for^=__palette]").click()
    tab.goto(home + DECK)
    assert ready(tab).evaluate(light)


# Languages


def expect_language(tab: Page, label: str) -> None:
    seen = "all => all.map(block => [block.dataset.languages.split(','), !block.hidden])"
    expect(tab.locator("#language")).to_have_value(label)
    blocks = tab.locator(".language").evaluate_all(seen)
    assert blocks
    assert [labels for labels, shown in blocks if shown is not (label in labels)] == []


def test_language_is_one_for_all_slides_and_for_the_site(page: Open, home: str) -> None:
    tab = ready(page(DECK, home))
    expect_language(tab, LABELS[0])
    for label in [*LABELS[1:], LABELS[0], LABELS[1]]:
        tab.keyboard.press("l")
        expect_language(tab, label)
    assert tab.evaluate(CURRENT) == SLIDES[0].id
    tab.reload()
    expect_language(ready(tab), LABELS[1])
    tab.goto(f"{home}patterns/cache-aside.html")
    expect(tab.locator(".tabbed-block:visible .filename").first).to_contain_text(".cs")
    tab.locator(".tabbed-labels").first.get_by_text(LABELS[2], exact=True).click()
    tab.goto(home + DECK)
    expect_language(ready(tab), LABELS[2])


def test_language_is_chosen_by_keyboard_and_a_clicker_still_turns_slides(page: Open) -> None:
    tab = ready(page(DECK))
    tab.locator("#language").focus()
    tab.keyboard.press("ArrowDown")
    expect_language(tab, LABELS[1])
    tab.keyboard.press("PageDown")
    expect_language(tab, LABELS[1])
    assert tab.evaluate(CURRENT) == SLIDES[1].id


def test_a_missing_language_says_why(page: Open) -> None:
    tab = ready(page(f"{DECK}#/cache-aside-breaks"))
    tab.locator("#language").select_option("C#")
    blocks = tab.locator("section.present .language:visible")
    expect(blocks.last).to_have_text(re.compile(r"Not shown in C#: the four faults are the same there\."))
    expect(blocks.first.locator("pre")).to_be_visible()  # what there is instead
    tab.locator("#language").select_option("Python")
    expect(blocks).to_have_count(1)


def test_without_javascript_the_deck_reads_as_one_page(page: Open) -> None:
    tab = page(f"{DECK}#/{PROVED.id}", java_script_enabled=False)
    for slide in SLIDES:
        assert tab.locator(f"#{slide.id} .slide").is_visible()
    assert tab.locator(f"#{STEPPED.id} .language").count() == len(LABELS)
    for block in tab.locator(f"#{STEPPED.id} .language").all():
        assert block.is_visible()
    expect(tab.locator(f"#{PROVED.id}")).to_be_in_viewport()
    assert tab.locator(".controls-bar").is_hidden()


# By hand


def test_keys_of_a_clicker_and_of_a_keyboard_turn_slides(page: Open) -> None:
    tab = ready(page(DECK))
    for forward, back in (("PageDown", "PageUp"), ("ArrowRight", "ArrowLeft"), ("Space", "Shift+Space")):
        tab.keyboard.press(forward)
        assert tab.evaluate(CURRENT) == SLIDES[1].id
        tab.keyboard.press(back)
        assert tab.evaluate(CURRENT) == SLIDES[0].id
    tab.get_by_role("button", name="Next").click()
    tab.get_by_role("button", name="Dark").click()
    tab.keyboard.press("Space")  # turns a slide, and does not press the button again
    assert tab.evaluate(CURRENT) == SLIDES[2].id
    expect(tab.get_by_role("button", name="Light")).to_be_visible()
    expect(tab.locator("#place")).to_have_text(f"3 / {len(SLIDES)}")


def test_a_swipe_turns_slides(page: Open) -> None:
    tab = ready(page(DECK, width=1024, height=768, has_touch=True))
    tab.evaluate("""() => {
      const target = document.querySelector(".reveal");
      for (const [type, x] of [["pointerdown", 800], ["pointermove", 500], ["pointerup", 500]])
        target.dispatchEvent(new PointerEvent(type, {pointerType: "touch", clientX: x, clientY: 300, bubbles: true}));
      const touch = x => new Touch({identifier: 1, target, clientX: x, clientY: 300});
      target.dispatchEvent(new TouchEvent("touchstart", {touches: [touch(800)], bubbles: true, cancelable: true}));
      target.dispatchEvent(new TouchEvent("touchmove", {touches: [touch(500)], bubbles: true, cancelable: true}));
      target.dispatchEvent(new TouchEvent("touchend", {touches: [], bubbles: true}));
    }""")
    assert tab.evaluate(CURRENT) == SLIDES[1].id


def test_proof_opens_within_the_window_and_escape_closes_it(page: Open) -> None:
    for width, height in ((1280, 720), (1024, 768)):
        tab = ready(page(f"{DECK}#/{PROVED.id}", width=width, height=height))
        mark, card = tab.locator(".present button.proof").first, tab.locator(".proof-card:popover-open")
        mark.press("Enter")
        expect(card).to_be_visible()
        box = card.bounding_box()
        assert box and box["x"] >= 0 and box["y"] >= 0
        assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height
        tab.keyboard.press("Escape")
        expect(card).to_be_hidden()
        assert not tab.evaluate("Reveal.isOverview()")
        mark.press("Enter")
        card.locator("a").first.click()
        tab.wait_for_url("**/source/tests/**#__codelineno-0-*")


@pytest.mark.parametrize("query", ["print-pdf", "view=print"])
def test_on_paper_each_slide_is_one_page_with_nothing_cut(page: Open, query: str) -> None:
    tab = page(f"{DECK}?{query}", color_scheme="dark")
    tab.wait_for_selector(".pdf-page >> nth=-1")
    tab.emulate_media(media="print")
    cut = tab.evaluate("""() => [...document.querySelectorAll(".pdf-page")].flatMap(page => {
      const edge = page.getBoundingClientRect();
      return [...page.querySelectorAll(".slide *")].filter(e => e.checkVisibility() && !e.closest(".proof-card"))
        .map(e => e.getBoundingClientRect()).filter(box => box.right > edge.right || box.bottom > edge.bottom)
        .map(() => page.querySelector("section").id);
    })""")
    assert cut == []
    for part in tab.locator(f"#{GUESSED.id} :is(.printed, .printed ~ p)").all():
        expect(part).to_be_visible()
    pdf = tab.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == len(SLIDES)


# The speaker view


def open_speaker(tab: Page) -> Page:
    with tab.expect_popup() as popup:
        tab.keyboard.press("s")
    speaker = popup.value
    speaker.wait_for_selector("#connection-status", state="hidden")
    speaker.wait_for_selector(".speaker-controls-notes:not(.hidden)")
    return speaker


def due(slide: Slide) -> str:
    """Return how the notes of a slide begin."""
    return f"Due {clock(PLAN.due()[slide.id])} · {slide.minutes * 60:g} s · {slide.priority}"


def expect_speaker_on(speaker: Page, slide: Slide) -> None:
    """Expect that the speaker view shows a slide, its neighbour and its notes."""
    frame = speaker.query_selector("#current-slide iframe").content_frame()  # type: ignore[union-attr]
    assert frame
    frame.wait_for_function("id => window.Reveal?.getCurrentSlide()?.id === id", arg=slide.id)
    expect(speaker.locator(".speaker-controls-notes .value p").first).to_contain_text(due(slide))
    expect(speaker.locator(".speaker-controls-notes .value")).to_contain_text(slide.notes.split(".")[0])


def test_speaker_view_follows_the_deck_from_each_kind_of_slide(page: Open, home: str) -> None:
    """What it shows of each slide is compared in the HTML; here it follows jumps, steps and the next slide."""
    tab = ready(page(DECK, home))
    speaker = open_speaker(tab)
    for slide in (SLIDES[0], STEPPED, GUESSED, OPTIONAL):
        tab.evaluate("id => { location.hash = `#/${id}` }", slide.id)
        expect_speaker_on(speaker, slide)
        for _ in range(steps(slide) + 1):
            assert tab.evaluate(CURRENT) == slide.id
            tab.keyboard.press("PageDown")
        expect_speaker_on(speaker, SLIDES[SLIDES.index(slide) + 1])
    speaker.keyboard.press("PageUp")  # from the speaker's window, back
    tab.wait_for_function(f"id => {CURRENT} === id", arg=OPTIONAL.id)
    smallest = """all => Math.min(...all.flatMap(html => {
      const value = document.querySelector(".speaker-controls-notes .value");
      value.innerHTML = html;
      return [...value.querySelectorAll("*")].map(e => parseFloat(getComputedStyle(e).fontSize));
    }))"""
    notes = tab.locator("aside.notes").evaluate_all("all => all.map(one => one.innerHTML)")
    assert len(notes) == len(SLIDES)
    assert speaker.evaluate(smallest, notes) >= 24


def test_notes_of_each_slide_say_when_it_is_due_and_what_is_said(deck: BeautifulSoup) -> None:
    for slide in SLIDES:
        notes = deck.select_one(f"section#{slide.id} > aside.notes")
        assert notes is not None
        first = notes.select_one("p")
        assert first is not None and due(slide) in first.get_text()
        assert slide.notes.split(".")[0] in " ".join(notes.get_text().split())


def test_language_chosen_in_the_speaker_view_is_the_decks(page: Open, home: str) -> None:
    tab = ready(page(DECK, home))
    speaker = open_speaker(tab)
    speaker.keyboard.press("l")
    expect(tab.locator("#language")).to_have_value(LABELS[1])


def test_pace_counts_the_seconds_of_each_slide(page: Open) -> None:
    tab = ready(page(DECK))
    speaker = open_speaker(tab)
    pacing = speaker.locator(".pacing")
    expect(pacing).to_be_visible()
    expect(pacing).to_have_class(re.compile("on-track"))
    left = "e => e.innerText.replace(/[^0-9:]/g, '').split(':').reduce((sum, part) => 60 * sum + Number(part), 0)"
    assert SLIDES[0].minutes * 60 - 15 <= pacing.evaluate(left) <= SLIDES[0].minutes * 60
    tab.keyboard.press("PageDown")
    expect(pacing).to_have_class(re.compile("ahead"))
    assert 60 * SLIDES[0].minutes < pacing.evaluate(left) <= 60 * (SLIDES[0].minutes + SLIDES[1].minutes)


def test_reload_of_the_deck_keeps_the_speaker_view_and_its_clock(page: Open, home: str) -> None:
    tab = ready(page(DECK, home))
    speaker = open_speaker(tab)
    seconds = "() => Number(document.querySelector('.timer .seconds-value').innerText.slice(1))"
    speaker.wait_for_function(f"() => ({seconds})() >= 2")
    before = speaker.evaluate(seconds)
    tab.reload()
    ready(tab).evaluate("""new Promise((done, fail) => { // the deck, which hears it first, has found the view again
      addEventListener("message", ({data}) => String(data).includes("heartbeat") && done());
      setTimeout(fail, 5000, new Error("the speaker view gives no sign of life"));
    })""")
    tab.keyboard.press("PageDown")
    expect_speaker_on(speaker, SLIDES[1])
    assert speaker.evaluate(seconds) >= before


def test_button_opens_the_speaker_view(page: Open) -> None:
    tab = ready(page(DECK))
    with tab.expect_popup() as popup:
        tab.get_by_role("button", name="Speaker view").click()
    popup.value.wait_for_selector(".speaker-controls-notes:not(.hidden)")


def test_blocked_speaker_view_says_in_the_page_how_to_allow_it(page: Open) -> None:
    tab = ready(page(DECK))
    tab.evaluate("window.open = () => null")
    said = tab.get_by_role("dialog", name="The speaker view did not open")
    for by_key in (True, False):
        if by_key:
            tab.keyboard.press("s")
        else:
            tab.get_by_role("button", name="Speaker view").click()
        expect(said).to_contain_text("Allow pop-ups for this page")
        tab.keyboard.press("Escape")
        expect(said).to_be_hidden()
        assert not tab.evaluate("Reveal.isOverview()")


def test_optional_slide_says_where_to_go_when_late(page: Open) -> None:
    tab = ready(page(f"{DECK}#/{OPTIONAL.id}"))
    after = SLIDES[SLIDES.index(OPTIONAL) + 1 :]
    goal = next(slide for slide in after if slide.priority != "optional")
    expect_speaker_on(speaker := open_speaker(tab), OPTIONAL)
    first = speaker.locator(".speaker-controls-notes .value p").first
    expect(first).to_contain_text(f"If late, skip to: {goal.title} (opens with “{goal.notes.split('.')[0]}.”)")


# The run sheet


def test_run_sheet_lists_every_slide_with_its_time(site: Path) -> None:
    text = BeautifulSoup((site / "teach" / "index.html").read_text("utf-8"), "html.parser")
    rows = {
        str(link["href"]).partition("#/")[2]: [cell.get_text(" ", strip=True) for cell in row.find_all("td")]
        for row in text.select("tr")
        if (link := row.select_one("a[href*='present/']"))
    }
    due = PLAN.due()
    assert rows == {
        slide.id: [clock(due[slide.id]), f"{slide.title} {slide.priority}", f"{slide.minutes:g}", str(slide.demo or "")]
        for slide in SLIDES
    }
    must = sum(slide.minutes for slide in SLIDES if slide.priority == "must")
    assert text.find("strong", string="Together").find_parent("tr").find_all("td")[-1].get_text() == f"{must:g}"  # type: ignore[union-attr]


# Accessibility

# Lays all slides out below each other, each as large as it is shown, so that one look sees all of them.
SPREAD = """
.js, .js body, .js main.reveal-viewport { height: auto !important; overflow: visible !important; }
.reveal, .reveal .slides { inset: 0 !important; height: auto !important; overflow: visible !important; }
.reveal .slides { position: relative !important; z-index: 1; display: block !important; transform: none !important; }
.reveal .slides > section {
  position: relative !important; inset: auto !important; display: block !important; visibility: visible !important;
  width: 1280px; height: 680px; opacity: 1 !important; transform: none !important; pointer-events: auto !important;
}
"""
SHOW_ALL = """() => [...document.querySelectorAll(".slides > section")].filter(slide => {
  slide.hidden = slide.inert = false;
  slide.removeAttribute("aria-hidden");
  return slide.querySelector(".slide").checkVisibility({visibilityProperty: true, opacityProperty: true});
}).length"""


def turn(tab: Page, slide: Slide, step: int) -> None:
    """Go to a step of a slide."""
    to = "([id, step]) => Reveal.slide(Reveal.getIndices(document.getElementById(id)).h, 0, step)"
    tab.evaluate(to, [slide.id, step])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_slide(page: Open, scheme: str) -> None:
    tab = ready(page(f"{DECK}#/{PROVED.id}", height=720, color_scheme=scheme))
    tab.locator(".present button.proof").first.press("Enter")
    expect(tab.locator(".proof-card:popover-open")).to_be_visible()
    found = violations("proof open", [tab])
    tab.keyboard.press("Escape")
    tab.evaluate("window.open = () => null")
    tab.keyboard.press("s")
    found += violations("pop-up blocked", [tab])
    tab.keyboard.press("Escape")
    tab.add_style_tag(content=SPREAD)
    stepped = ", ".join(f"#{slide.id}" for slide in SLIDES if steps(slide))
    for slide, state, part in ((SLIDES[0], "before", "html"), (SLIDES[-1], "after", stepped)):
        turn(tab, slide, steps(slide) - 1)
        assert tab.evaluate(SHOW_ALL) == len(SLIDES)
        found += violations(f"every slide {state} its steps", [tab], part)
    for slide in SLIDES:
        for step in range(max(map(len, slide.steps.values()), default=0)):
            turn(tab, slide, step)
            found += violations(f"{slide.id} at step {step}", [tab], ".present")
    assert found == []


def test_one_look_of_axe_sees_every_slide(page: Open) -> None:
    tab = ready(page(DECK, height=720))
    tab.add_style_tag(content=SPREAD + ".slide-page { opacity: 0.2 }")
    assert tab.evaluate(SHOW_ALL) == len(SLIDES)
    [(_, rule, count, *_)] = violations("faint words on every slide", [tab], ".slide-page")
    assert (rule, count) == ("color-contrast", len(SLIDES))
