"""A program runs in a folder as a reader has it: alone, and at the same place as long as it is the same."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import readers_folder
from harness.runner import run_snippet
from harness.toolchain import need
from publish.sources import snippets

COUNT = "import os\nprint(os.getcwd(), sorted(os.listdir()))\nopen('left', 'w').close()\n"


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in place of the one for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    readers_folder.home.cache_clear()


def printed(text: str) -> str:
    return run_snippet(snippets.parse("snippets/x/some.py", text)[0]).output


def test_same_file_runs_alone_and_at_the_same_place(parent: Path) -> None:
    first = printed(COUNT)
    assert first.endswith(" ['some.py']\n") and " " in first.partition("[")[0].strip()
    assert printed(COUNT) == first  # what it left is gone
    assert printed(COUNT + "# changed\n").partition("[")[0] != first.partition("[")[0]


def test_folder_is_the_users_alone(parent: Path) -> None:
    printed(COUNT)
    [home] = parent.glob("readers-of-*")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["link", "open to others", "file"])
def test_what_somebody_else_has_put_there_is_refused(parent: Path, kind: str) -> None:
    place = parent / f"readers-of-{os.getuid()}"
    if kind == "link":
        (parent / "theirs").mkdir(mode=0o700)
        place.symlink_to(parent / "theirs")
    elif kind == "file":
        place.touch()
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(OSError, match="readers-of-"):
        readers_folder.home(str(parent))


def test_folder_that_nobody_uses_any_more_goes(parent: Path) -> None:
    printed(COUNT)
    printed(COUNT + "# changed\n")
    [home] = parent.glob("readers-of-*")
    old, *others = sorted(home.iterdir())
    os.utime(old, (long_ago := time.time() - readers_folder.KEPT - 60, long_ago))
    readers_folder.home.cache_clear()
    readers_folder.home(str(parent))
    assert sorted(home.iterdir()) == others


def test_csharp_program_that_has_not_changed_is_not_built_again(parent: Path) -> None:
    """By the time of its assembly, which the program prints."""
    need(".NET 10 SDK")
    text = (
        "#:property PublishAot=false\n"
        "Console.WriteLine(File.GetLastWriteTimeUtc(typeof(Program).Assembly.Location).Ticks);\n"
    )
    outputs = [run_snippet(snippets.parse("snippets/x/some.cs", text)[0]).output for _ in range(2)]
    assert outputs[0] == outputs[1]
