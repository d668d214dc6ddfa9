"""Read a YAML file as nodes, because these know their lines; every scalar in it is text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar, cast

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.tokens import AliasToken

from publish.sources.files import Fault, Text

Data = TypeVar("Data")
DIGITS = 9  # of a whole number: enough for all that is counted here
FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Document:
    """A YAML file: its root, the same as plain data, and why it cannot be read. Without all of them, there is none.

    `text` is that of one that can be read.
    """

    path: str
    root: Node | None = None
    data: Any = None
    faults: list[Fault] = field(default_factory=list)
    empty: bool = False
    text: str = ""


def document(path: str, text: str) -> Document:
    """Read the text of a YAML file."""
    root = None
    try:
        try:
            root = yaml.compose(text, FAST)
        except yaml.YAMLError:
            root = yaml.compose(text, yaml.SafeLoader)  # ten times as slow, and says better what is wrong
        data = SafeConstructor().construct_document(root) if root else None
    except yaml.YAMLError as error:
        mark, place = getattr(error, "problem_mark", None), getattr(error, "position", 0)
        said = getattr(error, "problem", None) or str(error).splitlines()[0]
        return invalid(path, mark.line if mark else text.count("\n", 0, place), said)
    except Exception:  # a value that is nothing of what it looks like, or is tagged: each kind fails in its own way
        return next(invalid(path, line, said) for line, said in bad_values(root))
    if "&" in text and (alias := next((one for one in yaml.scan(text, FAST) if isinstance(one, AliasToken)), None)):
        return invalid(path, alias.start_mark.line, f"*{alias.value} stands for what is written elsewhere; repeat that")
    return Document(path, root, data, empty=root is None, text=text)


def invalid(path: str, line: int, said: str) -> Document:
    """Return a file that cannot be read for what is wrong in a line, from 0."""
    return Document(path, faults=[Fault(path, line + 1, f"is not valid YAML: {said}")])


def bad_values(node: Node | None) -> Iterator[tuple[int, str]]:
    """Find the values that cannot be made, with their lines, from 0, and what is wrong with them."""
    if isinstance(node, ScalarNode):
        try:
            SafeConstructor().construct_document(node)
        except ValueError as error:
            yield node.start_mark.line, str(error).splitlines()[0]
        except Exception:
            kind = node.tag.rpartition(":")[2]
            yield node.start_mark.line, f"{short(node.value)!r} is no {kind}"
    elif node is not None:
        for one in node.value:
            for part in one if isinstance(one, tuple) else [one]:
                yield from bad_values(part)


def repeated(path: str, node: Node | None, what: str) -> Iterator[Fault]:
    """Find the keys that stand a second time in `what`, which a file holds: YAML takes the last of them in silence."""
    for key in twice(node):
        yield Fault(path, line_of(key), f"{what} has {short(str(key.value))} twice; remove one")


def twice(node: Node | None) -> Iterator[Node]:
    """Yield the keys that stand a second time in the same place, anywhere below a node."""
    seen: set[str] = set()
    for one in node.value if isinstance(node, MappingNode | SequenceNode) else ():
        key, value = one if isinstance(one, tuple) else (None, one)
        if key and key.value in seen:
            yield key
        if key:
            seen.add(key.value)
        yield from twice(value)


class Read(NamedTuple, Generic[Data]):
    """What was read: the data, what is wrong with it, and the Markdown that stands in it."""

    data: Data
    faults: list[Fault]
    texts: list[Text]


class Reader:
    """Takes a file apart, and notes what is not as it should be."""

    def __init__(self, document: Document) -> None:
        self.path, self.root, self.faults = document.path, document.root, list(document.faults)
        self.texts: list[Text] = []
        if document.empty:
            self.faults.append(Fault(self.path, 1, "is empty; write something or remove the file"))

    def made(self, data: Data) -> Read[Data]:
        """Return what was made of the file."""
        return Read(data, self.faults, self.texts)

    def wrong(self, node: Node, text: str) -> None:
        """Note a fault at a node."""
        self.faults.append(Fault(self.path, line_of(node), text))

    def items(self, node: Node | None, name: str) -> list[Node]:
        """Return the entries of a list."""
        if node is None:
            return []  # its absence was noted
        if isinstance(node, SequenceNode):
            return cast(list[Node], node.value)
        self.wrong(node, f"{name} is no list; begin each entry with a dash")
        return []

    def fields(
        self, node: Node | None, name: str, needed: tuple[str, ...], known: tuple[str, ...] | None = None
    ) -> dict[str, Node]:
        """Return the fields of an entry, without those that it should not have; `known` is `needed` if not given."""
        if node is None:
            return {}
        if not isinstance(node, MappingNode):
            self.wrong(node, f"{name} has no fields; write each as `name: value`")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.value:
            if key.value not in (needed if known is None else known):
                self.wrong(key, f"{name} has a field {key.value}, which it does not know")
            elif key.value in found:
                self.wrong(key, f"{name} has {key.value} twice; remove one")
            else:
                found[key.value] = value
        for missing in [one for one in needed if one not in found]:
            self.wrong(node, f"{name} lacks {missing}")
        return found

    def text(self, node: Node | None, name: str, literal: bool = False) -> str:
        """Return a text: on one line, unless it is taken literally."""
        if node is None:
            return ""
        if isinstance(node, ScalarNode) and node.value.strip():
            return node.value if literal else " ".join(node.value.split())
        self.wrong(node, f"{name} is {'empty' if isinstance(node, ScalarNode) else 'no text'}; write words behind it")
        return ""

    def markdown(self, node: Node | None, name: str) -> str:
        """Return a text that is Markdown, and note it for the check that all Markdown of the course undergoes."""
        text = self.text(node, name)
        self.texts += [Text(self.path, line_of(node), text)] if node and text else []
        return text

    def number(self, node: Node | None, name: str, least: int = 0) -> int:
        """Return a whole number, which is at least `least`; 0 where it is none."""
        text = self.text(node, name)
        number = whole(text)
        if node is not None and text and (number is None or number < least):
            self.wrong(node, f"{name} is a whole number{f' from {least} on' if least else ''}, not {short(text)}")
            return 0
        return number or 0

    def flag(self, node: Node | None, name: str) -> bool:
        """Return whether a field says true; where it is not there, it says no."""
        text = self.text(node, name)
        if node is not None and text not in ("", "true", "false"):
            self.wrong(node, f"{name} is true or false, not {text}")
        return text == "true"


def whole(text: str) -> int | None:
    """Return the whole number that a text is; None where it is another text, or no number of this world."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else None


def short(text: str) -> str:
    """Return what a fault says of a text."""
    return text if len(text) <= 60 else f"{text[:50]}… ({len(text)} characters)"


def line_of(node: Node) -> int:
    """Return the line of a node, from 1."""
    return int(node.start_mark.line) + 1
