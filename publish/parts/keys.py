"""The key registry as a table: each pattern with its one type, its TTL and its owner, from docs/_course/keys.yml."""

import re
from dataclasses import dataclass

from yaml.nodes import Node, SequenceNode

from publish.pages.protocol import Part
from publish.parts import key_forms
from publish.sources import ledger
from publish.sources.course import Course, once
from publish.sources.headings import page_problem, title
from publish.sources.nodes import Read, Reader, line_of, whole

FILE = ledger.REGISTRY
TYPES = ("string", "hash", "list", "set", "zset", "stream", "channel")
NEEDED = ("pattern", "type", "ttl", "owner", "holds")
WORDS = ("ttl", "holds")
KNOWN = (*NEEDED, "seconds", "never", "form")
FORMED = ("string", "hash")  # types whose values have a form


@dataclass(frozen=True)
class Row:
    """A pattern. Its TTL in words, and as ranges of seconds; `never` where a key may live without one."""

    pattern: str
    type: str
    ttl: str
    owner: str
    holds: str
    seconds: tuple[range, ...]
    never: bool
    form: str
    line: int

    def holds_key(self, key: str) -> bool:
        """Return whether a key is of this pattern: `{name}` stands for anything but a colon, or for a hash tag."""
        fixed = map(re.escape, ledger.PLACE.split(self.pattern))
        return re.fullmatch(r"(?:[^:{}]+|\{[^{}]+\})".join(fixed), key) is not None

    def allows(self, ttl: int, age: int = 0) -> bool:
        """Return whether a key may have this TTL, as the command TTL answers at most `age` seconds after the write."""
        if ttl == -1:
            return self.never
        return any(ttl + passed in one for one in self.seconds for passed in range(age + 1))


@once
def read(course: Course) -> Read[list[Row]]:
    """Read the registry, and find what is wrong in it; no rows where there is none."""
    reader = Reader(course.yaml(FILE))
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for node in reader.items(reader.root, "the registry"):
        one = row(reader, course, node)
        if (shape := ledger.PLACE.sub("{}", one.pattern)) in seen:
            reader.wrong(node, f"{one.pattern} stands at line {seen[shape]} already; one pattern, one type")
        seen.setdefault(shape, one.line)
        if twin := next((other for other in rows if overlap(one.pattern, other.pattern)), None):
            reader.wrong(node, f"{one.pattern} and {twin.pattern}, at line {twin.line}, hold some of the same keys")
        rows.append(one)
    return reader.made(rows)


def row(reader: Reader, course: Course, node: Node) -> Row:
    """Read a row."""
    found = reader.fields(node, "a row", NEEDED, KNOWN)
    text = {
        name: reader.markdown(found.get(name), name) if name in WORDS else reader.text(found.get(name), name)
        for name in NEEDED
    }
    if text["type"] and text["type"] not in TYPES:
        reader.wrong(found["type"], f"{text['type']} is no type; there is {', '.join(TYPES)}")
    if text["owner"] and (problem := page_problem(course, text["owner"])):
        reader.wrong(found["owner"], problem)
    bounds = reader.items(found.get("seconds"), "seconds")
    several = bool(bounds) and isinstance(bounds[0], SequenceNode)
    ranges = [reader.items(one, "a range") for one in bounds] if several else [bounds] * ("seconds" in found)
    seconds = tuple(between([reader.text(bound, "seconds") for bound in one]) for one in ranges)
    if not all(seconds):
        reader.wrong(found["seconds"], "seconds is the least and the most of the TTL, as [54, 66], or a list of such")
    never = reader.text(found.get("never"), "never")
    if never not in ("", "true"):
        reader.wrong(found["never"], f"never is true, or it is not there; it is no {never}")
    form = reader.text(found.get("form"), "form")
    for bad in [one for one in key_forms.forms(form) if form and not key_forms.sound(one)]:
        reader.wrong(found["form"], f"{bad} is no form; write JSON {{id, name?}}, {{field}}, any, number or a word")
    if found and text["type"] in FORMED and not form:
        reader.wrong(node, f"a {text['type']} needs a form, which all who read and write it agree on")
    if found and not never and "seconds" not in found and text["type"] != "channel":
        reader.wrong(node, "a row needs seconds, or `never: true` where a key may live for ever")
    return Row(**text, seconds=seconds, never=bool(never), form=form, line=line_of(node))


def overlap(one: str, other: str) -> bool:
    """Tell whether two patterns that differ may hold the same key."""
    parts = [pattern.split(":") for pattern in (one, other)]
    same = all(a == b or ledger.PLACE.search(a + b) for a, b in zip(*parts, strict=False))
    return one != other and len(parts[0]) == len(parts[1]) and same


def between(bounds: list[str]) -> range:
    """Return the range that the least and the most include; an empty one where they are something else."""
    numbers = [number for number in map(whole, bounds) if number is not None]
    return range(numbers[0], numbers[1] + 1) if len(numbers) == len(bounds) == 2 else range(0)


def render(course: Course, _: str) -> str:
    """Return what the line `::: keys table` stands for."""
    lines = ["| Key | Type | TTL | Holds | Owner |", "| --- | --- | --- | --- | --- |"]
    for one in read(course).data:
        owner = f"[{title(course, one.owner.partition('#')[0])}](/{one.owner})"
        key = one.pattern.replace(":", ":<wbr>")  # a long key may go on in the next line, at a colon only
        lines.append(f"| <code>{key}</code> | {one.type} | {one.ttl} | {one.holds} | {owner} |")
    return "\n".join(['<div class="keys" markdown>', "", *lines, "", "</div>"])


PART = Part("keys", ("table",), render=render, read=read)
