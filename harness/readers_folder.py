"""A folder as a reader has it: the program's file, alone. Its name is the content's, so the same file is always in the
same place, where `dotnet run` finds again what it has built of it.
"""

import contextlib
import fcntl
import functools
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from publish.sources.files import digest
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent
KEPT = 7 * 24 * 3600  # seconds after its last use


@functools.cache
def home(parent: str) -> Path:
    """Return the private folder that holds them all, without those that nobody has used for a week.

    Raises PermissionError where somebody else has put something in its place.
    """
    folder = Path(parent, f"readers-of-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of yours alone; remove it")
    for old in folder.iterdir():
        if old.stat().st_mtime < time.time() - KEPT:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    return folder


@contextlib.contextmanager
def readers_folder(snippet: Snippet) -> Iterator[Path]:
    """Give the folder of a snippet, to this process alone. What an earlier run has left there is gone."""
    folder = home(tempfile.gettempdir()) / f"reader {digest(snippet.path + snippet.whole)}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
        folder.mkdir(exist_ok=True)
        os.utime(folder)
        file = folder / snippet.file
        for other in folder.iterdir():
            if other != file:
                shutil.rmtree(other) if other.is_dir() and not other.is_symlink() else other.unlink()
        if not file.exists() or file.read_text("utf-8") != snippet.whole:  # as it is, it is not built again
            file.write_text(snippet.whole, "utf-8")
        if installed := snippet.language.installed:  # lies ready in this repository, so that the tests work offline
            (folder / installed).symlink_to(ROOT / installed)
        yield folder
