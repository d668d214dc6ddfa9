"""What holds on every page. A browser visits each once for each screen; the tests assert on what it saw there.

`make test` loads each page wide and light, and then turns it narrow and dark: a fault of a width or of a scheme shows
on one of the two. Marked `full` are the fault that needs another width and scheme together, and a page that a phone
loads itself: what moves there while it loads, what it prints, and what axe says beside colours and sizes.
"""

import functools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.browser.course import (
    COURSE,
    DECK,
    DRAWN,
    LISTINGS,
    PAGES,
    PROVED,
    SNIPPETS,
    TABBED,
    chosen,
    code,
    offered,
    on_paper,
    programs,
)
from harness.browser.record import Looks
from harness.browser.visit import NARROW, PLAIN, TURNED, WIDE, Look, Seen
from publish.sources.course import Course
from publish.sources.proofs import Proof

ROOT = Path(__file__).resolve().parent.parent.parent
OTHER = [NARROW, Look(1280, "dark"), Look(320, "light")]
LOADED = [WIDE, *OTHER]
ALL = [WIDE, TURNED, *OTHER]


def on(paths: Iterable[str], *looks: Look) -> Callable[..., Any]:
    """Ask a test of each of these pages on each of these screens. The page's name is what its tests share."""
    cases = [
        pytest.param(path, look, id=f"{path}, {look}", marks=[pytest.mark.full] if look in OTHER else [])
        for path in paths
        for look in looks
    ]
    return pytest.mark.parametrize(("path", "look"), cases)


@pytest.fixture
def seen(path: str, look: Look, looks: Looks) -> Seen:
    """What was seen on a page."""
    return looks.look(path, look)


@functools.cache
def read(file: Path) -> str:
    return file.read_text("utf-8")


def test_every_page_is_looked_at_and_of_the_listings_one_in_each_language(site: Path) -> None:
    built = {file.relative_to(site).as_posix() for file in site.rglob("*.html")}
    listed = {path for path in built if path.startswith("source/")}
    assert {*PAGES} - {*LISTINGS} == built - listed
    assert {Path(path.removesuffix(".html")).suffix for path in listed} == {
        Path(path.removesuffix(".html")).suffix for path in {*LISTINGS} & listed
    }


# How it loads


@on(PAGES, *ALL)
def test_page_asks_nobody_else_and_complains_of_nothing(seen: Seen) -> None:
    assert seen.problems == []


@on([path for path in PAGES if path != DECK], WIDE)  # the deck has a budget of its own
def test_page_is_not_heavy(seen: Seen) -> None:
    assert "/search/search_index.json" not in seen.sent, "fetched before anybody searches"
    assert sum(seen.sent.values()) <= 150_000, seen.sent
    assert len([address for address in seen.sent if address.endswith((".css", ".js"))]) >= 7, "not a cold load"
    assert not [address for address in seen.sent if "mermaid" in address]
    assert all(size <= 10_000 for size in seen.diagrams)


@on(PAGES, *LOADED)
def test_page_does_not_move_while_it_loads(seen: Seen) -> None:
    assert seen.shift <= 0.02


# How it looks


@on(PAGES, *ALL)
def test_axe_finds_nothing(seen: Seen) -> None:
    assert seen.violations == []


@on(PAGES, *ALL)
def test_page_does_not_scroll_sideways_in_any_language(seen: Seen) -> None:
    assert seen.sideways == []


def lightness(seen: Seen) -> float:
    """Return how light the page is behind its text, from 0 to 255."""
    return sum(map(int, re.findall(r"\d+", seen.colours[0])[:3])) / 3


@on([path for path in PAGES if path != DECK], WIDE)  # the deck is for a projector, always light
def test_theme_follows_the_system_or_the_switch_and_diagrams_follow_the_theme(
    path: str, look: Look, looks: Looks
) -> None:
    light, dark = looks.look(path, look), looks.look(path, NARROW if path == "index.html" else TURNED)
    assert lightness(light) > 200
    assert lightness(dark) < 50
    assert len(light.colours) > 1 or path not in DRAWN
    assert all(one != other for one, other in zip(light.colours, dark.colours, strict=True))


@on(TABBED, *LOADED)
def test_paper_shows_the_code_dark_on_light_and_no_buttons(path: str, seen: Seen) -> None:
    assert [one for one in code(path, on_paper(path)) if one not in seen.printed["codes"]] == []
    assert seen.printed["buttons"] == 0
    assert seen.printed["pale"] == []


# Tabs and copying


@on([path for path in TABBED if offered(path)], *ALL)
def test_every_block_shows_the_language_that_was_chosen(path: str, seen: Seen) -> None:
    for label in offered(path):
        assert seen.tabs[label]
        assert {*seen.tabs[label]} == {label}


@on(COURSE, WIDE)
def test_copy_button_of_every_block_gives_exactly_its_code(path: str, seen: Seen) -> None:
    assert seen.copies == {label: [*code(path, label)] for label in offered(path) or [""]}


@on(LISTINGS, WIDE)
def test_copy_button_of_a_source_page_gives_the_file(path: str, seen: Seen) -> None:
    text = read(ROOT / path.removeprefix("source/").removesuffix(".html")).rstrip("\n")
    assert seen.copies == {"": [text]}
    assert "".join(seen.lines).rstrip("\n") == text
    assert len(seen.lines) == text.count("\n") + 1


def files(path: str) -> set[str]:
    """Return the files of which a page shows a part."""
    return {chosen(include, label).path for include in programs(path) for label in offered(path) or [""]}


@on(TABBED, WIDE)
def test_whole_file_is_copied_and_offered_as_the_contract_tests_ran_it(path: str, seen: Seen, site: Path) -> None:
    assert {one["file"]: one["text"] for one in seen.files} == {file: SNIPPETS[file].whole for file in files(path)}
    for one in seen.files:
        assert urlsplit(one["download"]).path == f"/{one['file']}"
        assert (site / one["file"]).read_bytes() == SNIPPETS[one["file"]].whole.encode()


def test_every_program_is_on_a_page() -> None:
    shown = {file for path in TABBED for file in files(path)}
    assert {path for path, snippet in SNIPPETS.items() if not snippet.language.transcript} <= shown


# Proofs


@functools.cache
def proofs_of_the_site() -> dict[str, list[Proof]]:
    """Return the tests by name, with the ledger that the site was built from."""
    return Course(ROOT).proofs


@on(PROVED, WIDE)
def test_card_of_every_claim_names_the_tests_that_prove_it(seen: Seen) -> None:
    proofs = proofs_of_the_site()
    assert seen.cards
    for card in seen.cards:
        assert card["label"] == f"Proof: {card['name']}, passed"
        assert card["rows"] == [
            f"{proof.language} {Path(proof.path).name}:{proof.line} {proof.said}" for proof in proofs[card["name"]]
        ]


@on(PROVED, *ALL)
def test_mark_of_every_claim_opens_its_card_on_the_screen(seen: Seen) -> None:
    assert seen.popups
    for popup in seen.popups:
        assert popup["open"] == [popup["wanted"]]
        assert popup["fits"], popup["wanted"]


@on(PROVED, WIDE)
def test_proof_links_lead_to_the_line_of_the_test(seen: Seen, site: Path) -> None:
    places = {(link, card["name"]) for card in seen.cards for link in card["links"]}
    assert places
    for link, name in places:
        address, anchor = urlsplit(link).path.lstrip("/"), urlsplit(link).fragment
        source = read(ROOT / address.removeprefix("source/").removesuffix(".html")).splitlines()
        assert f'id="{anchor}"' in read(site / address)
        assert name in source[int(anchor.rpartition("-")[2]) - 1]


# Without JavaScript


@on(COURSE, PLAIN)
def test_everything_can_be_read_without_javascript(path: str, seen: Seen) -> None:
    assert seen.problems == []
    assert seen.plain["hidden"] == []
    assert all(seen.plain["opened"])
    assert seen.plain["codes"] == {label: [*code(path, label)] for label in offered(path) or [""]}
    assert seen.plain["buttons"] == [], "a button that can do nothing"
