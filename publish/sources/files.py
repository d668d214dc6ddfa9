"""A file of the sources: its text, its digest, and what is wrong in it."""

import hashlib
from pathlib import Path
from typing import NamedTuple

LINK_TO_NOTHING = "is a link that leads nowhere; remove it, or put the file itself here"


class Fault(NamedTuple):
    """Something wrong in a source file: `path` relative to the repository, `line` from 1, and what to do about it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Text(NamedTuple):
    """Markdown that stands in a source of another kind, with its place there."""

    path: str
    line: int
    text: str


def digest(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_text(root: Path, path: str) -> tuple[str, list[Fault]]:
    """Return the text of a source file; a fault where it is not UTF-8, or cannot be read at all."""
    try:
        return (root / path).read_text("utf-8"), []
    except UnicodeDecodeError as error:
        number = (root / path).read_bytes()[: error.start].count(b"\n") + 1
        return "", [Fault(path, number, "is not UTF-8; save it as UTF-8")]
    except OSError as error:
        return "", [Fault(path, 1, f"cannot be read: {error.strerror or error}")]
