"""Split Markdown into fenced blocks and the text between them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

OPENING = re.compile(r"^(?P<indent>[\s>]*(?:(?:[-*+]|\d+[.)])\s+)?)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")


class Block(NamedTuple):
    """A fenced block with its fences, or the text between two of them. `line` is its first, from 1."""

    fenced: bool
    info: str  # what stands behind the opening fence
    line: int
    text: str
    closed: bool = True  # false for a fence that runs to the end of the page


def split(markdown: str) -> Iterator[Block]:
    """Yield the blocks of a page in order; joined by newlines, their texts are the page again."""
    lines: list[str] = []
    start, opened = 1, None
    for number, line in enumerate(markdown.split("\n"), 1):
        match = OPENING.match(line)
        if opened is None and match:
            if lines:
                yield Block(False, "", start, "\n".join(lines))
            start, opened, lines = number, match, [line]
        elif opened and match and match["fence"].startswith(opened["fence"]) and not match["info"].strip():
            yield Block(True, opened["info"].strip(), start, "\n".join([*lines, line]))
            start, opened, lines = number + 1, None, []
        else:
            lines.append(line)
    if lines or start == 1:
        info = opened["info"].strip() if opened else ""
        yield Block(opened is not None, info, start, "\n".join(lines), closed=opened is None)
