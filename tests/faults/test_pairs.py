"""Programs that write under the same key pattern read what the other has left: each pair, in both orders."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from harness.runner import keys, printed
from harness.servers import Server
from harness.toolchain import need
from publish.parts import faults, key_forms
from publish.parts.keys import read
from publish.sources import ledger
from publish.sources.course import Course
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent.parent
COURSE = Course(ROOT)
REGISTRY = read(COURSE).data


def pairs() -> list[Any]:
    """Return the pairs of programs to copy, each in its first language, that name the same pattern; in both orders."""
    book = ledger.Ledger(ROOT)
    patterns = {row.pattern for row in REGISTRY if row.form and row.form != "any"}
    first = [next(iter(COURSE.snippets.examples[one.program].values())) for one in faults.read(COURSE).data]
    able = [one for one in first if "REDIS_CLUSTER_URL" not in one.text]  # what is on a cluster meets nobody here
    named = {one.path: patterns & book.keys(one).keys() for one in able}
    found = [(one, other) for one, other in combinations(able, 2) if named[one.path] & named[other.path]]
    both = [pair for one, other in found for pair in ((one, other), (other, one))]
    return [pytest.param(*pair, id=f"{pair[0].path}-{pair[1].path}") for pair in both]


def wrong(key: str, value: Any) -> list[str]:
    """Say of a value that it is of no form that the registry has for its key."""
    rows = [row for row in REGISTRY if row.form and row.holds_key(key)]
    return [f"{key} holds {value}, not {row.form}" for row in rows if not key_forms.fits(row.form, value)]


@pytest.mark.full  # two programs for each pair; what each writes by itself, the contract holds each time
@pytest.mark.parametrize(("first", "second"), pairs())
def test_what_one_has_left_the_other_reads(first: Snippet, second: Snippet) -> None:
    need(first.language.tool)
    need(second.language.tool)
    server = Server()
    try:
        for program in (first, second):
            printed(program, {"REDIS_URL": server.url})
        left = keys(server.url)
    finally:
        server.stop()
    assert [said for key, entry in left.items() for said in wrong(key, entry.value)] == []
