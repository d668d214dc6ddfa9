"""The generated parts of a page, `::: lesson …` and `::: handout …`: what they become, and what is refused."""

from pathlib import Path

import pytest

from tests.publish.conftest import check, expand

PLAN = """minutes: 5
objectives: [Pick <one>., Keep it.]
sections:
  - { id: a, title: Start & go, minutes: 1, activity: Talk, complete: false }
  - { id: b, title: Rest, minutes: 4, activity: Talk, complete: false }
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    (tmp_path / "docs/_course").mkdir(parents=True)
    (tmp_path / "snippets").mkdir()
    (tmp_path / "docs/_course/lesson.yml").write_text(PLAN, "utf-8")
    return tmp_path


def test_strip_is_a_list_with_minutes_in_words(course: Path) -> None:
    page = expand(course, "::: lesson strip\n")
    assert page.count("<li ") == 2
    assert 'style="--start: 0; --minutes: 1; --of: 5"' in page
    assert 'style="--start: 1; --minutes: 4; --of: 5"' in page
    assert 'Start &amp; go</span> <span class="strip-minutes"><b>1</b> minute</span>' in page
    assert "<b>4</b> minutes</span>" in page


def test_objectives_are_numbered(course: Path) -> None:
    assert "\n1. Pick <one>.\n2. Keep it.\n" in expand(course, "::: lesson objectives\n")


def test_handout_is_linked_only_when_it_has_been_printed(course: Path) -> None:
    assert expand(course, "a\n\n::: handout download\n\nb\n").split() == ["a", "b"]
    (course / "build").mkdir()
    (course / "build/handout.pdf").write_bytes(b"%PDF")
    assert "[Download it as a PDF](/handout/handout.pdf)" in expand(course, "::: handout download\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("::: lesson plan", "docs/page.md:1: lesson has no plan; it has strip, objectives"),
        ("::: handout upload", "docs/page.md:1: handout has no upload; it has download"),
    ],
)
def test_unknown_part_is_refused(course: Path, line: str, said: str) -> None:
    (course / "docs/page.md").write_text(f"{line}\n", "utf-8")
    assert check(course) == [said]


def test_generated_part_is_no_include_of_an_example(course: Path) -> None:
    (course / "docs/page.md").write_text("::: lesson strip\n\n::: handout download\n", "utf-8")
    assert check(course) == []
