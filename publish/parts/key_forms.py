"""The forms of values, as the key registry writes them: `JSON {id, name, email?} | missing`.

A form is one or more, parted by ` | `. Each is `any`, `number`, `JSON [texts]`, `JSON {fields}`, for a hash
`{fields}`, or else the value itself. A field that may be absent ends in `?`; `{*}` takes any fields.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

FIELDS = re.compile(r"\{(\*|\w+\??(?:, \w+\??)*)\}")
LITERAL = re.compile(r"[\w-]+")
TEXTS = "[texts]"


def forms(text: str) -> list[str]:
    """Return the forms that a text names."""
    return text.split(" | ")


def sound(form: str) -> bool:
    """Tell whether a form can be read."""
    shape = form.removeprefix("JSON ")
    return shape == TEXTS or bool(FIELDS.fullmatch(shape)) or bool(LITERAL.fullmatch(form) and form != "JSON")


def fits(text: str, value: Any) -> bool:
    """Tell whether a value is of one of the forms: a text, or the fields of a hash."""
    return any(fits_one(form, value) for form in forms(text))


def fits_one(form: str, value: Any) -> bool:
    """Tell whether a value is of a form."""
    if form == "any":
        return True
    if match := FIELDS.fullmatch(form):
        return isinstance(value, Mapping) and has(match[1], value)
    if not isinstance(value, str):
        return False
    if form == "number":
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    return json_fits(form.removeprefix("JSON "), value) if form.startswith("JSON ") else value == form


def json_fits(shape: str, text: str) -> bool:
    """Tell whether a text is JSON of a shape."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    if shape == TEXTS:
        return isinstance(found, list) and all(isinstance(one, str) for one in found)
    match = FIELDS.fullmatch(shape)
    return match is not None and isinstance(found, dict) and has(match[1], found)


def has(fields: str, found: Mapping[str, Any]) -> bool:
    """Tell whether an object has the fields that it must have, and no others than it may have."""
    if fields == "*":
        return True
    named = fields.split(", ")
    must = {name for name in named if not name.endswith("?")}
    return must <= found.keys() <= {name.removesuffix("?") for name in named}
