"""A proof runs at the constants that ship, or says on its line, or above it, why not: `not as shipped: REASON`.

Found are times: parameters of a program that have one by default, where a test gives another one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from publish.sources.course import Course
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = Course(ROOT).snippets.examples
TIME = re.compile(r"(?:\w+_ttl|\w+Ttl|wait|idle|claim_?[aA]fter|patience|lease|grace)(?:_ms|Ms)?")
DEFAULT = re.compile(r"(\w+)\s*(?::\s*[\w.| ]+)?\s*=\s*[\w.]+")  # a parameter, with its type, and what it ships with
DEFINED = re.compile(
    r"(?:\b(?:def|function|class|record|void|int|async|Task(?:<[^<>]*>)?)|^ *)\s+(\w+)"
    r"\(([^(){}]*)\)(?=$|.*(?::|=>|\{)$)",
    re.MULTILINE,
)  # a function or a class, with its parameters
REASON = re.compile(r"(?:#|//) .*\bnot as shipped: \S+")


def camel(name: str) -> str:
    """Return how C# and JavaScript write a name of Python's."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def times(programs: list[Snippet]) -> set[str]:
    """Return the parameters of an example that have a time by default, as each language writes them."""
    found = {name for one in programs for name in DEFAULT.findall(one.text) if TIME.fullmatch(name)}
    return found | set(map(camel, found))


def places(text: str, name: str) -> dict[str, int]:
    """Return the functions that take a parameter, each with its place among the others."""
    found = {}
    for match in DEFINED.finditer(text):
        function, given = match.groups()
        names = [(DEFAULT.search(one) or re.search(r"(\w+)\s*$", one)) for one in flat(given).split(",")]
        plain = [match[1] for match in names if match]
        if name in plain:
            of = (
                re.findall(r"^class (\w+)", text[: match.start()], re.MULTILINE)[-1:]
                if function == "__init__"
                else [function]
            )
            found[of[0]] = [one for one in plain if one != "self"].index(name)
    return found


def given(text: str, program: Snippet, names: set[str]) -> Iterator[int]:
    """Yield the lines, from 1, on which a test gives a time of its own."""
    spots = {spot for name in names for spot in places(program.text, name).items()}
    sign = "=(?!=)" if program.path.endswith(".py") else ":"
    for number, line in enumerate(text.split("\n"), 1):
        named = not re.search(r"\btest\(", line) and any(re.search(rf"[(,{{]\s*{name}{sign}", line) for name in names)
        at = (arguments(line, function) > place for function, place in spots)
        if named or any(at):
            yield number


def arguments(line: str, function: str) -> int:
    """Return how many arguments a line gives to a function; 0 where it does not call it."""
    match = re.search(rf"\b{function}\(([^()]*(?:\([^()]*\)[^()]*)*)\)", line)
    if not match or not match[1].strip():
        return 0
    return len(flat(match[1]).split(","))


def flat(text: str) -> str:
    """Return a list of parameters or arguments without what stands in brackets there."""
    while text != (text := re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>", "", text)):
        pass
    return text


def silent(text: str, lines: Iterator[int]) -> list[int]:
    """Return the lines that give no reason, on themselves or above."""
    every = text.split("\n")
    return [line for line in lines if not any(REASON.search(one) for one in every[max(line - 2, 0) : line])]


@pytest.mark.parametrize("example", EXAMPLES)
def test_times_are_those_that_ship_or_a_reason_stands_there(example: str) -> None:
    programs = list(EXAMPLES[example].values())
    names = times(programs)
    found = []
    for program in programs:
        test = ROOT / program.language.test_path(example)
        if test.exists() and names:
            text = test.read_text("utf-8")
            found += [f"{test.relative_to(ROOT)}:{line}" for line in silent(text, given(text, program, names))]
    assert found == []


CASES = {
    "named in Python": ("x.py", "def bury(cache, idle_ms: int = IDLE_MS):\n", "bury(cache, idle_ms=0)", 1),
    "by its place": ("x.py", "def bury(cache, idle_ms: int = IDLE_MS):\n", "bury(cache, 0)", 1),
    "as shipped": ("x.py", "def bury(cache, idle_ms: int = IDLE_MS):\n", "bury(cache)", 0),
    "of a call in a call": ("x.py", "def bury(cache, idle_ms: int = IDLE_MS):\n", "bury(connect(url, 3))", 0),
    "in C#": ("x.cs", "Task<int> BuryAsync(IDatabase cache, int idleMs = IdleMs) =>", "await BuryAsync(Cache, 0)", 1),
    "in JavaScript": ("x.mjs", "constructor(cache, { lockTtl = 5000 } = {}) {", "new Books(cache, { lockTtl: 1 })", 1),
    "no time": ("x.py", "def page(cache, count: int = 10):\n", "page(cache, count=3)", 0),
    "with a reason": ("x.py", "def bury(cache, idle_ms: int = 1):\n", "bury(c, 0)  # not as shipped: at once", 0),
}


@pytest.mark.parametrize("name", CASES)
def test_check_finds_them(name: str) -> None:
    path, program, test, count = CASES[name]
    snippet = Snippet.__new__(Snippet)
    object.__setattr__(snippet, "path", path)
    object.__setattr__(snippet, "text", program)
    assert len(silent(test, given(test, snippet, times([snippet])))) == count
