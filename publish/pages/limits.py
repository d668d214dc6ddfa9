"""How much code a reader is shown at a time: what a page, a slide and a glance have room for."""

from collections.abc import Iterator

from publish.sources.files import Fault
from publish.sources.snippets import MARK, Snippet

FILE = 200  # lines: a whole URL, the kinds of errors and what follows from each need room
SHORTEST, LONGEST = 5, 30  # lines of a section
WIDTH = 84  # columns of a section


def faults(snippet: Snippet) -> Iterator[Fault]:
    """Find what is too long, too short or too wide to be read."""
    length = len(snippet.whole.splitlines())
    if length > FILE:
        yield Fault(snippet.path, 1, f"has {length} lines without its markers; {FILE} are allowed")
    for name, section in snippet.sections.items():
        lines = section.code.splitlines()
        if not SHORTEST <= len(lines) <= LONGEST:
            said = f"section {name} has {len(lines)} lines; a page shows {SHORTEST} to {LONGEST}"
            yield Fault(snippet.path, section.first, said)
        after = list(enumerate(snippet.text.splitlines(), 1))[section.first - 1 :]
        numbers = [number for number, line in after if MARK not in line]
        for number, line in zip(numbers, lines, strict=False):
            if len(line) > WIDTH:
                said = f"section {name} has {len(line)} columns here; a page and a slide show {WIDTH}"
                yield Fault(snippet.path, number, said)
