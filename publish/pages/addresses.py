"""What a browser takes for an address of another host: in an attribute, in a style sheet, in a script of the page.

It reads them by the URL Standard, which drops tabs and line breaks, and takes a backslash for a slash.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

import tinycss2

AROUND = "".join(map(chr, range(33)))  # control characters and the space, which do not count at either end
READ_AS = str.maketrans("\\", "/", "\t\n\r")
OUT = re.compile(r"(?:(?:https?|wss?|ftp|file):/*|//+)[^/?#]", re.IGNORECASE)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
HARMLESS = re.compile(r"data:(?:image|font|application/(?:x-)?font)", re.IGNORECASE)  # it holds what it shows
PIECES = re.compile(r"[\s,;()\"'=]+")  # stand between the addresses of an attribute that has several
SUSPECT = re.compile(r"[:\\]|/\s*/")  # without one of these there is no such address
SUSPECT_STYLE = re.compile(r"\\|//|(?:https?|wss?|ftp|file|data):", re.IGNORECASE)
DESCRIPTOR = re.compile(r"\d*\.?\d+[wxh]")  # of an image in a set
IN_SCRIPT = re.compile(r"[\"'`]\s*((?:(?:https?|wss?|ftp):)?//[\w\[$][^\"'`\s]*)", re.IGNORECASE)


@functools.cache
def read(value: str) -> str:
    """Return an address as a browser reads it."""
    return value.strip(AROUND).translate(READ_AS)


def leads_out(address: str) -> bool:
    """Tell whether an address that has been read is one of another host."""
    return bool(OUT.match(address))


def several(value: str) -> list[str]:
    """Return the addresses of an attribute that has several, as `srcset` has."""
    return [one for one in re.split(r"[\s,]+", value) if one and not DESCRIPTOR.fullmatch(one)]


@functools.cache
def outside(value: str) -> str:
    """Return what in the value of an attribute is an address of another host, wherever it stands in it, or ""."""
    if not SUSPECT.search(value):
        return ""
    whole = read(value)
    if HARMLESS.match(whole):
        return ""
    return next((one for one in (whole, *PIECES.split(value), *PIECES.split(whole)) if leads_out(read(one))), "")


@functools.cache
def loads(value: str) -> str:
    """Return what makes an address one that may not be loaded, or "": its host, or that it has one of its own in it."""
    whole = read(value)
    return outside(value) or (whole if SCHEME.match(whole) and not HARMLESS.match(whole) else "")


@functools.cache
def in_style(css: str) -> tuple[str, int]:
    """Return an address in a style sheet, or in a part of one, that may not be loaded, and its line; or "" and 0."""
    if not SUSPECT_STYLE.search(css.replace("\t", "")):
        return "", 0
    for token in walk(tinycss2.parse_component_value_list(css, skip_comments=True)):
        if token.type in ("url", "string"):
            address = read(token.value)
            data = address.lower().startswith("data:") and not HARMLESS.match(address)
            if data or leads_out(address):
                return str(token.value), int(token.source_line)
    return "", 0


def walk(tokens: Iterable[Any]) -> Iterator[Any]:
    """Yield all that can make a browser load something: not the strings that a selector compares with."""
    for token in tokens:
        yield token
        if token.type != "[] block":
            yield from walk(getattr(token, "content", None) or getattr(token, "arguments", None) or ())


@functools.cache
def properties(css: str) -> frozenset[str]:
    """Return the names of the properties that a `style` attribute sets."""
    found = tinycss2.parse_blocks_contents(css)
    return frozenset(str(one.lower_name) for one in found if one.type == "declaration")


def in_script(text: str) -> str:
    """Return an address of another host that a script names, or ""."""
    match = IN_SCRIPT.search(text)
    return match[1] if match else ""
