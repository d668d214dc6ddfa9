"""What was rendered, kept from build to build under the digest of all that it was made from. Safe to delete, always."""

import contextlib
import functools
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = ".press_cache"  # below the repository; git leaves it out
RENDERERS = ("mkdocs", "mkdocs-material", "markdown", "pymdown-extensions", "pygments", "jinja2", "selectolax")


@dataclass
class Record:
    """A rendered page: its HTML, and what the search index has of it."""

    html: str
    entries: list[dict[str, Any]]


class Kept:
    """Records in a folder, each a file of JSON that is named by the digest of what its page was made from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: set[str] = set()

    def get(self, key: str) -> Record | None:
        """Return a record, if there is one that can be read."""
        self.used.add(key)
        try:
            return Record(**json.loads((self.folder / key).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def put(self, key: str, record: Record) -> None:
        """Keep a record, whole or not at all. Where that cannot be written, the next build does the work again."""
        self.used.add(key)
        draft = self.folder / f"{key}.{os.getpid()}"
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(asdict(record)), "utf-8")
            draft.replace(self.folder / key)

    def forget_unused(self) -> None:
        """Delete what nobody has asked for since this was made, or since this was last called."""
        with contextlib.suppress(OSError):
            for file in self.folder.iterdir():
                if file.name not in self.used:
                    file.unlink(missing_ok=True)
        self.used = set()


def digest(*parts: str) -> str:
    """Return a name for what was made from these texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@functools.cache
def machine() -> str:
    """Return the digest of what renders: this program as it was when it started, and the packages it stands on."""
    code = sorted(Path(__file__).parent.parent.rglob("*.py"))
    return digest(*map(version, RENDERERS), *(file.read_text("utf-8") for file in code))
