"""Each snippet is copied alone, so many hold the same helpers; the copies in one language do not drift apart."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import tree_sitter_c_sharp
import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

from publish.sources import languages, snippets
from publish.sources.languages import CSHARP, NODE, PYTHON
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = [snippet for snippet in snippets.read(ROOT).files if not snippet.language.transcript]

OUTAGE = "outage test"  # what says of an exception that Redis is away, wherever it stands
HELPERS = {  # as `flat` writes their names: one row for all languages
    "aretitles", "badlogin", "cachekey", "connect", "connectasync", "count", "counted", "decode", "failed",
    "jitter", "kindof", "listingkey", "lockkey", "passing", "perform", "productkey", "refusals", "tellcache",
    "tellcacheasync", "trycache", "trycacheasync", "userkey",
}  # fmt: skip
LISTS = {"PASSING", "REFUSALS"}  # constants that say what an error means, and belong to kind_of
OWN = {"_init"}  # a constructor is alike only by chance
MANY = 3  # a definition that so many files have alike must be on the list
DIFFERS = re.compile(r"(?:#|//) differs: (\S.*)")


class Copy(NamedTuple):
    """A definition: its name, where it stands, its code without comments and layout, and why it differs, or ""."""

    name: str
    place: str
    code: str
    reason: str


def flat(name: str) -> str:
    """Return a name without what the languages write differently."""
    return (name[0] + name[1:].replace("_", "")).lower()


def copy(snippet: Snippet, name: str, first: int, last: int, code: str) -> Copy:
    """Make a copy of what stands from line `first` to line `last`."""
    reason = DIFFERS.search("\n".join(snippet.text.splitlines()[first - 1 : last]))
    return Copy(flat(name), f"{snippet.path}:{first}", code, reason[1] if reason else "")


def in_python(snippet: Snippet) -> Iterator[Copy]:
    """Find the definitions in a file, and the handlers for Redis being away, with those that stand before them."""
    for node in ast.walk(ast.parse(snippet.text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.end_lineno or node.lineno
            if ast.get_docstring(node) is not None:
                del node.body[0]
            yield copy(snippet, node.name, node.lineno, last, ast.unparse(node))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in LISTS:
            yield copy(snippet, node.targets[0].id, node.lineno, node.end_lineno or node.lineno, ast.unparse(node))
        elif isinstance(node, ast.Try):
            caught: list[str] = []
            for handler in node.handlers:
                caught.append(ast.unparse(handler.type).replace("redis.", "") if handler.type else "")
                if {"ConnectionError", "TimeoutError"} <= set(re.findall(r"\w+", caught[-1])):
                    yield copy(snippet, OUTAGE, handler.lineno, handler.body[0].lineno, "; ".join(caught))


FUNCTIONS = {"method_declaration", "local_function_statement", "function_declaration", "method_definition"}
GRAMMARS = {CSHARP.lexer: tree_sitter_c_sharp.language(), NODE.lexer: tree_sitter_javascript.language()}


def nodes(node: Node) -> Iterator[Node]:
    """Walk a tree."""
    yield node
    for child in node.children:
        yield from nodes(child)


def code(node: Node) -> str:
    """Return the text of a node without comments and layout, and without `public`, which is for a file's own tests."""
    words = [leaf.text for leaf in nodes(node) if not leaf.children and leaf.type != "comment"]
    return " ".join(word.decode() for word in words if word and word != b"public")


def is_outage_test(node: Node) -> bool:
    """Say whether a node is a filter of C# or a pattern of JavaScript that knows an outage."""
    text = node.text or b""
    return (node.type == "catch_filter_clause" and b"RedisTimeoutException" in text) or (
        node.type == "regex" and b"Command timed out" in text
    )


def in_braces(snippet: Snippet) -> Iterator[Copy]:
    """Find the functions in a file of C# or JavaScript, and what says there that Redis is away."""
    text = re.sub(r"^#:", "//", snippet.text, flags=re.MULTILINE)  # the directives of a C# file are beyond the grammar
    tree = Parser(Language(GRAMMARS[snippet.language.lexer])).parse(text.encode())
    assert not tree.root_node.has_error, f"{snippet.path} is beyond the grammar"
    for node in nodes(tree.root_node):
        lines = node.start_point.row + 1, node.end_point.row + 1
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        listed = bool(name and name.text and value and name.text.decode() in LISTS)
        if name and name.text and (node.type in FUNCTIONS or listed or (value and value.type == "arrow_function")):
            yield copy(snippet, name.text.decode(), *lines, code(node))
        elif is_outage_test(node):
            yield copy(snippet, OUTAGE, *lines, code(node))


READ = {PYTHON.lexer: in_python, CSHARP.lexer: in_braces, NODE.lexer: in_braces}


def find(programs: Iterable[Snippet]) -> dict[tuple[str, str], list[Copy]]:
    """Return all definitions by language and name."""
    found: dict[tuple[str, str], list[Copy]] = defaultdict(list)
    for snippet in [one for one in programs if one.language.lexer in READ]:
        for one in READ[snippet.language.lexer](snippet):
            found[snippet.language.label, one.name].append(one)
    return found


def drifted(group: list[Copy]) -> list[str]:
    """Say what is wrong with the copies of one helper: they are alike, and so are those that give the same reason."""
    wrong = []
    common, _ = Counter(one.code for one in group if not one.reason).most_common(1)[0]
    for reason in {one.reason for one in group}:
        alike = [one for one in group if one.reason == reason]
        first, _ = Counter(one.code for one in alike).most_common(1)[0]
        wrong += [
            f"{one.place}: {one.name} is unlike its other copies; make it like them, or write `differs: REASON`"
            for one in alike
            if one.code != first
        ]
        if reason and first == common:
            wrong.append(f"{alike[0].place}: {alike[0].name} does not differ; remove the comment")
    return wrong


FOUND = find(PROGRAMS)
GROUPS = {f"{label}-{name}": group for (label, name), group in FOUND.items() if name in HELPERS}


def unread(known: Iterable[languages.Language]) -> list[str]:
    """Say which languages have copies that nothing here compares."""
    wrong = [one.label for one in known if not one.transcript and one.lexer not in READ]
    return [f"{label} has no reader of its helpers; add one to READ, here" for label in wrong]


def test_every_language_is_read() -> None:
    assert unread(languages.LANGUAGES.values()) == []
    go = replace(NODE, lexer="go", label="Go")
    assert unread([NODE, go]) == ["Go has no reader of its helpers; add one to READ, here"]
    assert find([replace(PROGRAMS[0], language=go)]) == {}


@pytest.mark.parametrize("name", GROUPS)
def test_copies_of_a_helper_are_alike(name: str) -> None:
    assert drifted(GROUPS[name]) == []


def test_what_many_files_have_alike_is_on_the_list() -> None:
    alike = Counter((label, name, one.code) for (label, name), group in FOUND.items() for one in group)
    assert {name for (_, name, _), count in alike.items() if count >= MANY} <= HELPERS | OWN


def test_every_helper_on_the_list_has_copies() -> None:
    assert {name for (_, name), group in FOUND.items() if len(group) > 1} >= HELPERS


FORMS = {  # a helper in each language, and the same with a comment and in another layout
    ".py": (
        "def connect(url):\n    return open(url, {0}){1}\n",
        'def connect(\n    url,\n):\n    """Open."""\n    # at once\n    return open(url, {0}){1}\n',
    ),
    ".cs": (
        "#:package X@1\nstatic class A\n{{\n    static T Connect(string url) => Open(url, {0});{1}\n}}\n",
        "static class A\n{{\n    // soon\n    public static T Connect(\n      string url) => Open(url, {0});{1}\n}}\n",
    ),
    ".mjs": (
        "const connect = (url) => open(url, {0});{1}\n",
        "/** Open. */\nexport const connect =\n  (url) => open(url, /* at once */ {0});{1}\n",
    ),
}


def connects(extension: str, *copies: tuple[int, int, str]) -> list[str]:
    """Say what is wrong with programs that hold the helper: which form, with which number, with which reason."""
    programs, comment = [], "#" if extension == ".py" else "//"
    for number, (form, value, reason) in enumerate(copies):
        text = FORMS[extension][form].format(value, reason and f" {comment} differs: {reason}")
        programs.append(snippets.parse(f"snippets/{number}{extension}", text)[0])
    (group,) = [group for (_, name), group in find(programs).items() if name == "connect"]
    return drifted(group)


@pytest.mark.parametrize("extension", FORMS)
def test_drift_is_found(extension: str) -> None:
    assert connects(extension, (0, 1, ""), (1, 1, ""), (0, 2, "slow"), (1, 2, "slow")) == []
    (unlike,) = connects(extension, (0, 1, ""), (1, 1, ""), (0, 2, ""))
    assert re.match(rf"snippets/2{extension}:\d: connect is unlike its other copies", unlike)
    (unlike,) = connects(extension, (0, 1, ""), (0, 2, "slow"), (1, 2, "slow"), (0, 3, "slow"))
    assert re.match(rf"snippets/3{extension}:\d: connect is unlike its other copies", unlike)
    (same,) = connects(extension, (0, 1, ""), (1, 1, "slow"))
    assert re.match(rf"snippets/1{extension}:\d: connect does not differ", same)


AWAY = {  # an outage test in each language, and one that has drifted
    ".py": (
        "try:\n    a()\nexcept AuthenticationError:\n    raise\nexcept (ConnectionError, TimeoutError):\n    b()\n",
        "try:\n    a()\nexcept (redis.TimeoutError, redis.ConnectionError):\n    b()\n",
    ),
    ".cs": (
        "try { A(); } catch (Exception e) when (e is RedisTimeoutException or RedisConnectionException) { }\n",
        "try { A(); } catch (Exception e) when (e is RedisTimeoutException) { }\n",
    ),
    ".mjs": ("const away = /^(Command timed out|Connection is closed)/;\n", "/Command timed out/.test(message);\n"),
}


@pytest.mark.parametrize("extension", AWAY)
def test_outage_test_that_drifts_is_found(extension: str) -> None:
    sound, drift = AWAY[extension]
    texts = {"a": sound, "b": sound, "c": drift}
    programs = [snippets.parse(f"snippets/{name}{extension}", text)[0] for name, text in texts.items()]
    ((_, name),) = find(programs)
    (unlike,) = drifted(find(programs)[programs[0].language.label, name])
    assert unlike.startswith(f"snippets/c{extension}:")
    assert name == OUTAGE
