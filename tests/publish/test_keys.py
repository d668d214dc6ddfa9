"""The key registry: every fault that it can have, what it matches, what it allows, and what it becomes."""

from pathlib import Path

import pytest

from publish.parts import key_forms, keys
from publish.sources.course import Course
from tests.publish.conftest import Write, check

DATA = """\
- { pattern: "user:{id}", type: hash, ttl: none, never: true, form: "{name, email?}", owner: keys.md, holds: a user }
- { pattern: "cache:user:{id}", type: string, ttl: 1 h, seconds: [60, 3600], form: "JSON {*} | missing", owner: "keys.md#why", holds: "JSON, or `missing`" }
"""
SOUND = {keys.FILE: DATA, "docs/keys.md": "# Keys\n\n## Why\n\n::: keys table\n"}

# name: (what is replaced in the data, by what, the line and the words of the fault)
BAD: dict[str, tuple[str, str, str]] = {
    "missing type": ("type: hash, ", "", "1: a row lacks type"),
    "empty ttl": ("ttl: 1 h", "ttl:", "2: ttl is empty"),
    "unknown type": ("type: hash", "type: table", "1: table is no type; there is string, hash"),
    "unknown field": ("never: true", "never: true, ever: true", "1: a row has a field ever"),
    "field twice": ("never: true", "never: true, never: true", "1: a row has never twice"),
    "never that is no truth": ("never: true", "never: perhaps", "1: never is true, or it is not there; it is no perhaps"),
    "no form": (', form: "{name, email?}"', "", "1: a hash needs a form"),
    "form that nobody can read": ("{name, email?}", "{name; email}", "1: {name; email} is no form"),
    "JSON of no shape": ("JSON {*}", "JSON", "2: JSON is no form"),
    "no bounds": ("seconds: [60, 3600], ", "", "2: a row needs seconds, or `never: true`"),
    "one bound": ("[60, 3600]", "[60]", "2: seconds is the least and the most"),
    "bounds the wrong way round": ("[60, 3600]", "[3600, 60]", "2: seconds is the least and the most"),
    "bounds that are no numbers": ("[60, 3600]", "[1 min, 1 h]", "2: seconds is the least and the most"),
    "bounds of many digits": ("[60, 3600]", f"[60, '{'9' * 5000}']", "2: seconds is the least and the most"),
    "one bound in a range": ("[60, 3600]", "[[60, 66], [3600]]", "2: seconds is the least and the most"),
    "range that is no list": ("[60, 3600]", "[[60, 66], 3600]", "2: a range is no list"),
    "no range": ("[60, 3600]", "[]", "2: seconds is the least and the most"),
    "bounds that are no list": ("[60, 3600]", "60", "2: seconds is no list"),
    "owner that does not exist": ("owner: keys.md,", "owner: gone.md,", "1: docs/gone.md does not exist"),
    "owner's anchor that does not exist": ("#why", "#how", "2: docs/keys.md has no heading with the anchor how"),
    "keys of two patterns": ("cache:user:{id}", "{what}:1", "2: {what}:1 and user:{id}, at line 1, hold some of"),
    "pattern twice": ("cache:user:{id}", "user:{number}", "2: user:{number} stands at line 1 already"),
    "row that is only text": ("- { pattern", "- user\n- { pattern", "1: a row has no fields"),
    "no list": (DATA, "user: hash\n", "1: the registry is no list"),
    "empty": (DATA, "# nothing\n", "1: is empty"),
    "broken YAML": ("holds: a user }", "holds: a user", "2: is not valid YAML"),
    "unknown proof": ("a user }", '"[a user](proof:it_is)" }', "1: no test is called it_is"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_registry_is_refused_with_its_line(name: str, write: Write) -> None:
    old, new, said = BAD[name]
    assert old in DATA
    root = write({**SOUND, keys.FILE: DATA.replace(old, new, 1)})
    assert f"{keys.FILE}:{said}" in "\n".join(check(root))


def test_sound_registry_is_a_table(write: Write) -> None:
    root = write(SOUND)
    assert check(root) == []
    assert keys.render(Course(root), "table").splitlines()[4:-2] == [
        "| <code>user:<wbr>{id}</code> | hash | none | a user | [Keys](/keys.md) |",
        "| <code>cache:<wbr>user:<wbr>{id}</code> | string | 1 h | JSON, or `missing` | [Keys](/keys.md#why) |",
    ]


def test_course_without_a_registry_is_sound(tmp_path: Path) -> None:
    assert keys.read(Course(tmp_path)) == ([], [], [])


@pytest.mark.parametrize(
    ("key", "fits"),
    [("user:1", 1), ("user:{1}", 1), ("cache:user:x-1", 1), ("user:", 0), ("user:1:activity", 0), ("my:user:1", 0), ("user:1}", 0)],
)  # fmt: skip
def test_place_in_a_pattern_is_anything_but_a_colon(key: str, fits: int, write: Write) -> None:
    rows = keys.read(Course(write(SOUND))).data
    assert sum(row.holds_key(key) for row in rows) == fits


def test_ttl_lies_within_its_bounds_or_may_be_none(write: Write) -> None:
    never, bounded = keys.read(Course(write(SOUND))).data
    assert never.allows(-1)
    assert not never.allows(60), "its row names no bounds"
    assert [ttl for ttl in (-1, 59, 60, 3600, 3601) if bounded.allows(ttl)] == [60, 3600]
    assert [ttl for ttl in (49, 50, 3595, 3600, 3601) if bounded.allows(ttl, age=10)] == [50, 3595, 3600]


def test_ttl_may_have_several_ranges(write: Write) -> None:
    _, row = keys.read(Course(write({**SOUND, keys.FILE: DATA.replace("[60, 3600]", "[[54, 66], [3240, 3960]]")}))).data
    assert [ttl for ttl in (53, 54, 66, 67, 3239, 3240, 3960, 3961) if row.allows(ttl)] == [54, 66, 3240, 3960]


@pytest.mark.parametrize(
    ("form", "value", "fits"),
    [
        ("any", "\\xff", True), ("number", "-1.5", True), ("number", "1e5", False), ("missing", "missing", True),
        ("missing", "none", False), ("JSON [texts]", '["a"]', True), ("JSON [texts]", '["a", 1]', False),
        ("JSON [texts]", "a", False), ("JSON {a, b?}", '{"a": 1}', True), ("JSON {a, b?}", '{"b": 1}', False),
        ("JSON {a, b?}", '{"a": 1, "c": 2}', False), ("JSON {a}", '["a"]', False), ("JSON {*}", '{"z": 1}', True),
        ("JSON {a} | null", "null", True), ("{a, b?}", {"a": "1", "b": "2"}, True), ("{a}", {"b": "1"}, False),
        ("{a}", '{"a": 1}', False), ("{*}", {"z": "1"}, True), ("JSON {a}", {"a": "1"}, False),
    ],
)  # fmt: skip
def test_form_is_held(form: str, value: str | dict[str, str], fits: bool) -> None:
    assert key_forms.fits(form, value) == fits
