"""A page's own record: what has not changed is not looked at again, and everything else is."""

from pathlib import Path

import pytest

from harness.browser.record import Looks, Records
from harness.browser.visit import NARROW, WIDE, Look, Seen

PAGE = "a.html"


class Fake:
    """A visitor that counts, and sees what lies on the disk."""

    def __init__(self) -> None:
        self.visits: list[tuple[str, Look]] = []

    def visit(self, path: str, look: Look) -> Seen:
        self.visits.append((path, look))
        return Seen([f"/{path}", "/style.css", "/missing.js"], [], shift=0.5, violations=[["image-alt", 1]])


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site of one page, on a machine where one works."""
    for name in ("CI", "ALL"):
        monkeypatch.delenv(name, raising=False)
    site = tmp_path / "site"
    site.mkdir()
    for name in (PAGE, "style.css", "404.html", "other.css"):
        (site / name).write_text(name, "utf-8")
    return site


def run(site: Path, version: str = "1", look: Look = WIDE) -> tuple[int, Looks]:
    """Look at the page in a new run, and count the visits."""
    fake = Fake()
    looks = Looks(fake, Records(site, version, site.parent / "records"))
    assert looks.look(PAGE, look) == looks.look(PAGE, look)
    assert looks.look(PAGE, look).violations == [["image-alt", 1]], "a record is what was seen, not a verdict"
    return len(fake.visits), looks


def test_page_is_looked_at_once_in_a_run_and_not_again_while_nothing_changes(small: Path) -> None:
    assert run(small)[0] == 1
    (small / "other.css").write_text("not what the page loads", "utf-8")
    visits, looks = run(small)
    assert visits == 0
    assert looks.recorded == {f"{PAGE} light at 1280"}


@pytest.mark.parametrize(
    ("name", "text"),
    [(PAGE, "new"), ("style.css", "new"), ("missing.js", "new"), ("missing.js", "404.html"), ("404.html", "new")],
)
def test_page_is_looked_at_again_when_anything_that_it_loads_has_changed(small: Path, name: str, text: str) -> None:
    run(small)
    (small / name).write_text(text, "utf-8")
    assert run(small)[0] == 1
    assert run(small)[0] == 0


def test_other_browser_and_other_screen_look_for_themselves(small: Path) -> None:
    run(small)
    assert run(small, version="2")[0] == 1
    assert run(small, version="2", look=NARROW)[0] == 1


@pytest.mark.parametrize("name", ["CI", "ALL"])
def test_ci_and_a_full_run_look_at_every_page(small: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    run(small)
    monkeypatch.setenv(name, "true")
    assert run(small)[0] == 1


def test_failed_test_drops_the_records_of_its_page_and_no_other(small: Path) -> None:
    looks = run(small)[1]
    run(small, look=NARROW)
    looks.look("other.css", WIDE)
    looks.records.forget(PAGE)
    assert run(small)[0] == 1
    assert run(small, look=NARROW)[0] == 1
    assert Looks(Fake(), looks.records).look("other.css", WIDE)
    assert [file.name for file in looks.records.folder.glob("other*")]


@pytest.mark.parametrize("text", ["", "{", "{}", "[]"])
def test_record_that_cannot_be_read_is_none(small: Path, text: str) -> None:
    looks = run(small)[1]
    looks.records.file(PAGE, WIDE).write_text(text, "utf-8")
    assert run(small)[0] == 1


def test_visit_that_fails_is_not_recorded_and_not_repeated(small: Path) -> None:
    class Falls(Fake):
        def visit(self, path: str, look: Look) -> Seen:
            super().visit(path, look)
            raise RuntimeError("the browser is gone")

    fake = Falls()
    looks = Looks(fake, Records(small, "1", small.parent / "records"))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the browser is gone"):
            looks.look(PAGE, WIDE)
    assert len(fake.visits) == 1
    assert run(small)[0] == 1
