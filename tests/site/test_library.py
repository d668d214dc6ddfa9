"""The snippet library in a browser: filter, share, copy, download, all of it by keyboard and without JavaScript too."""

import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from harness.browser.actions import copied, sideways, tab_to, violations
from harness.browser.screens import SCREENS
from harness.browser.server import Served
from publish.parts import library_page
from publish.sources.course import Course
from tests.site.conftest import Open

ROOT = Path(__file__).resolve().parent.parent.parent
PATH = "snippets/index.html"
PROGRAMS = Course(ROOT).snippets.files
TOPIC = "patterns/cache-aside"
ALL = f"All {len(PROGRAMS)} files"


def shown(page: Page) -> set[str]:
    """Return the files whose cards are visible."""
    links = page.locator(".program:visible .program-keep a")
    return {f"snippets/{path}" for path in links.evaluate_all("all => all.map(one => one.getAttribute('href'))")}


def wanted(language: str = "", topic: str = "") -> set[str]:
    """Return the files that a filter should leave."""
    return {
        snippet.path
        for snippet in PROGRAMS
        if language in ("", snippet.language.key) and topic in ("", library_page.topic(snippet))
    }


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_filter_by_keyboard_counts_aloud_and_stands_in_the_address(page: Open, home: str) -> None:
    tab = page(PATH, home)
    output = tab.get_by_role("status")
    expect(output).to_have_text(ALL)
    assert shown(tab) == wanted()

    tab_to(tab, "select[name=language]")
    tab.keyboard.type("Node")
    expect(output).to_have_text(f"{len(wanted('javascript'))} of {len(PROGRAMS)} files")
    assert shown(tab) == wanted("javascript")
    assert query(tab) == {"language": ["javascript"]}
    expect(tab.get_by_role("heading", name="Exercise: mend a cache")).to_be_hidden()  # nothing below it

    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")
    expect(tab.locator("select[name=language]")).to_have_value("python")
    assert shown(tab) == wanted("python")
    tab.keyboard.press("Tab")
    tab.keyboard.type("Cache")
    expect(tab.locator("select[name=topic]")).to_have_value(TOPIC)
    assert shown(tab) == wanted("python", TOPIC) != wanted("python")
    assert query(tab) == {"language": ["python"], "topic": [TOPIC]}

    other = page(f"{PATH}?{urlsplit(tab.url).query}", home)  # someone else opens the address
    expect(other.get_by_role("status")).to_have_text(f"{len(wanted('python', TOPIC))} of {len(PROGRAMS)} files")
    assert shown(other) == wanted("python", TOPIC)
    other.locator("select[name=language]").select_option("All")
    other.locator("select[name=topic]").select_option("All")
    expect(other.get_by_role("status")).to_have_text(ALL)
    assert query(other) == {}
    other.reload()
    assert shown(other) == wanted()


def test_nothing_found_says_what_to_do_and_an_old_address_shows_all(page: Open) -> None:
    tab = page(f"{PATH}?language=csharp&topic=exercises/cache-aside")
    expect(tab.get_by_role("status")).to_have_text("No file. Choose All.")
    assert shown(tab) == set()
    tab = page(f"{PATH}?language=cobol&topic=gone")
    assert shown(tab) == wanted()
    assert tab.locator("select").evaluate_all("all => all.map(one => one.selectedIndex)") == [0, 0]


def test_enter_in_the_filter_does_not_leave_the_page(page: Open) -> None:
    tab = page(f"{PATH}?language=python")
    tab.evaluate("window.stayed = true")
    tab.locator(".library-filter").evaluate("form => form.requestSubmit()")
    assert tab.evaluate("window.stayed")
    assert shown(tab) == wanted("python")


# Presses every button in turn, with a clipboard of its own in the browser's place; returns what each copied.
COPIES = """async () => {
  const copies = {};
  for (const button of document.querySelectorAll(".program .copy-file"))
    copies[button.dataset.file] = await new Promise((done, fail) => {
      setTimeout(fail, 5000, new Error(`${button.dataset.file} is not copied`));
      navigator.clipboard.write = async ([item]) => done(await (await item.getType("text/plain")).text());
      button.click();
    });
  return copies;
}"""
LINKS = """() => [...document.querySelectorAll(".program")].map(one => {
  const link = one.querySelector("a[download]");
  return [one.querySelector(".copy-file").dataset.file, link.innerText, link.href];
})"""
SENT = """async () => {
  const texts = [...document.querySelectorAll(".program")].map(async one => {
    const answer = await fetch(one.querySelector("a[download]").href);
    return [one.querySelector(".copy-file").dataset.file, await answer.text()];
  });
  return Object.fromEntries(await Promise.all(texts));
}"""


def test_each_file_is_copied_and_downloaded_as_the_contract_tests_ran_it(page: Open, home: str) -> None:
    """The first goes through the real clipboard and to the disk, twice; of the others the page is asked."""
    tab, whole = page(PATH, home), {snippet.path: snippet.whole for snippet in PROGRAMS}
    snippet = PROGRAMS[0]
    card = tab.locator(".program", has=tab.locator(f"[data-file='{snippet.path}']"))
    button = card.locator(".copy-file")
    assert copied(tab, button) == snippet.whole
    expect(button).to_have_text("Copied")
    for _ in range(2):
        with tab.expect_download() as download:
            card.get_by_role("link", name="Download").click()
        assert download.value.url.startswith("blob:" if home.startswith("file:") else home)
        assert download.value.suggested_filename == snippet.file
        assert download.value.path().read_bytes() == snippet.whole.encode()
    links = tab.evaluate(LINKS)
    assert sorted(links) == sorted([path, "Download", home + path] for path in whole)
    if home.startswith("http"):
        assert tab.evaluate(SENT) == whole
    else:
        assert tab.evaluate("courseFiles") == whole  # from which such a link takes the file
    assert tab.evaluate(COPIES) == whole
    expect(tab.locator(".program .copy-file").first).to_have_text("Copy")


def test_zip_holds_every_file_with_its_run_lines(page: Open, home: str) -> None:
    tab = page(PATH, home)
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Download all as one zip").click()
    assert download.value.suggested_filename == "all.zip"
    with zipfile.ZipFile(download.value.path()) as package:
        texts = {name: package.read(name).decode() for name in package.namelist()}
    readme = texts.pop("README.txt")
    assert texts == {snippet.path.removeprefix("snippets/"): snippet.whole for snippet in PROGRAMS}
    for snippet in PROGRAMS:
        for line in snippet.language.commands(snippet.file, snippet.text):
            assert f"\n    {line}\n" in readme


CARDS = """() => Object.fromEntries([...document.querySelectorAll(".program")].map(one => {
  const all = pick => [...one.querySelectorAll(pick)];
  return [one.querySelector(".copy-file").dataset.file, {
    text: one.innerText,
    run: all(".program-run code").map(code => code.innerText),
    badge: one.querySelector(".badge").innerText,
    folds: all("summary").length,
    proofs: all(".program-proofs a").map(link => [link.textContent, link.href]),
  }];
}))"""


def test_card_prints_the_lines_that_run_the_file_and_leads_to_its_proofs(page: Open, http: str) -> None:
    tab = page(PATH)
    course = Course(ROOT)
    cards = tab.evaluate(CARDS)
    assert {*cards} == {snippet.path for snippet in PROGRAMS}
    proved = {proof.example for found in course.proofs.values() for proof in found}
    places = {}
    for snippet in PROGRAMS:
        card = cards[snippet.path]
        assert card["run"] == snippet.language.commands(snippet.file, snippet.text)
        assert library_page.purpose(snippet) in card["text"]
        assert card["badge"].startswith("Ran ")
        assert card["folds"] == int(snippet.example in proved)  # a transcript may have none but its own replay
        for words, url in card["proofs"]:
            name = words.replace(" ", "_")
            assert any(proof.example == snippet.example for proof in course.proofs[name])
            places[url] = name
    assert len(places) == sum(bool(proof.example) for found in course.proofs.values() for proof in found)
    looked = set[str]()
    for url, name in places.items():
        line = int(url.rpartition("-")[2])
        path = url.removeprefix(f"{http}source/").partition(".html")[0]
        assert name in (ROOT / path).read_text("utf-8").splitlines()[line - 1]
        if Path(path).suffix not in looked:  # a browser looks at one file of each language
            tab.goto(url)
            expect(tab.locator(f"[id='{url.partition('#')[2]}']")).to_be_in_viewport()
        looked.add(Path(path).suffix)


def test_copy_by_keyboard(page: Open) -> None:
    tab = page(PATH)
    tab_to(tab, ".program .copy-file")
    tab.keyboard.press("Enter")
    whole = [snippet.whole for snippet in PROGRAMS]
    tab.wait_for_function("async all => all.includes(await navigator.clipboard.readText())", arg=whole)
    tab_to(tab, ".program summary")
    tab.keyboard.press("Enter")
    expect(tab.locator(".program-proofs[open] a").first).to_be_visible()


def test_without_javascript_the_list_is_whole_and_no_control_is_shown(page: Open) -> None:
    tab = page(f"{PATH}?language=python", java_script_enabled=False)
    assert shown(tab) == wanted()
    assert tab.locator("article :is(button, select, output):visible").count() == 0
    with tab.expect_download() as download:
        tab.locator(".program-keep a").first.click()
    assert download.value.path().read_bytes() in {snippet.whole.encode() for snippet in PROGRAMS}
    tab.locator(".program summary").first.click()
    expect(tab.locator(".program-proofs a").first).to_be_visible()


def test_texts_are_fetched_when_they_are_wanted_and_not_before(page: Open, served: Served) -> None:
    served.clear()
    tab = page(PATH, fresh=True)
    tab.wait_for_load_state("networkidle")
    assert "/snippets/all.js" not in served
    copied(tab, tab.locator(".program .copy-file").first)
    assert "/snippets/all.js" in served


def test_script_is_small(site: Path) -> None:
    assert len((site / "assets" / "library.js").read_bytes()) <= 3000


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_while_it_is_used_and_nothing_scrolls_sideways(page: Open, width: int, scheme: str) -> None:
    tab = page(PATH, width=width, color_scheme=scheme)
    tab.locator("select[name=language]").select_option("C#")
    tab.locator(".program:visible summary").first.click()
    tab.locator(".program:visible .copy-file").first.click()
    expect(tab.locator(".program:visible .copy-file").first).to_have_text("Copied")
    assert not sideways(tab)
    assert violations("filtered, proofs open, copied", [tab]) == []
