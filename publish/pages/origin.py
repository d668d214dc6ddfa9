"""Where in the sources a fault of a built page comes from: the file and the line that a writer has to mend."""

import html
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from publish.sources.course import ALLOWED
from publish.sources.files import Fault

SHARED = ("docs/_course/**/*.md", "docs/_course/**/*.yml", "publish/**/*.md", "publish/**/*.html", "mkdocs.yml")


class Origin:
    """Finds the words of a fault in what its page was made from. Reads the sources only where there is one."""

    def __init__(self, root: Path, site: Path) -> None:
        self.root, self.site = root, site

    def fault(self, built: str, text: str, words: Iterable[str]) -> Fault:
        """Return the fault of a built file, told at its source: where the first of `words` that is found stands."""
        own = self.own(built)
        for word in filter(None, words):
            for path, source in [*([(own, self.read(own))] if own else []), *self.shared]:
                if line := line_of(word, source):
                    return Fault(path, line, text)
        if own:
            return Fault(own, 1, text)
        source = (self.site / built).read_text("utf-8")
        return Fault(built, next(filter(None, (line_of(word, source) for word in words if word)), 1), text)

    def own(self, built: str) -> str:
        """Return the source of a built file alone: a page's Markdown, what a listing lists, a style sheet."""
        listed = re.fullmatch(r"source/(.+)\.html", built)
        path = listed[1] if listed else "docs/" + re.sub(r"\.html$", ".md", built)
        return path if (self.root / path).is_file() else ""

    def read(self, path: str) -> str:
        """Return the text of a source."""
        return (self.root / path).read_text("utf-8")

    @cached_property
    def shared(self) -> list[tuple[str, str]]:
        """The sources of which many pages are made, with their texts."""
        return [(path, self.read(path)) for path in self.paths()]

    def paths(self) -> Iterator[str]:
        """Yield the paths of the sources of which many pages are made."""
        for pattern in SHARED:
            found = (file.relative_to(self.root).as_posix() for file in sorted(self.root.glob(pattern)))
            yield from (path for path in found if path != ALLOWED)


def line_of(word: str, source: str) -> int:
    """Return the line, from 1, at which a word stands in a source, as it is or as HTML writes it; 0 if it does not."""
    at = max(source.find(word), source.find(html.escape(word, quote=False)))
    return source.count("\n", 0, at) + 1 if at >= 0 else 0
