"""The lines by which a page includes an example or a part: `::: EXAMPLE SECTION (no LANGUAGE: reason; …)`."""

import re
from collections.abc import Iterator
from typing import NamedTuple

INCLUDE = re.compile(r"^(?P<indent> *)::: (?P<example>\S+) (?P<section>[\w-]+)(?: \((?P<reasons>.+)\))?$", re.MULTILINE)


class Include(NamedTuple):
    """An include line of a page. `example` may be the name of a part that is generated."""

    indent: str
    example: str
    section: str
    reasons: dict[str, str]  # why a language is missing, by its label


def parse(line: str) -> Include | None:
    """Return the include that a line is, or None where it is not one or not a well-formed one."""
    match = INCLUDE.match(line)
    if match is None:
        return None
    reasons = {}
    for part in (match["reasons"] or "").split(";"):
        reason = re.fullmatch(r" *no ([^:]+): *(\S.*)", part)
        if reason:
            reasons[reason[1]] = reason[2]
        elif part:
            return None
    return Include(match["indent"], match["example"], match["section"], reasons)


def included(text: str) -> Iterator[Include]:
    """Yield the includes of a text, in order."""
    return (include for match in INCLUDE.finditer(text) if (include := parse(match[0])))
