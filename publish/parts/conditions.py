"""The conditions under which programs are tried: their names, and what readers call them."""

from collections.abc import Iterable
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node

from publish.sources.course import Course, once
from publish.sources.nodes import Read, Reader

FILE = "docs/_course/conditions.yml"


@dataclass(frozen=True)
class Group:
    """Conditions of one kind, with their titles by their names. `unless` is why a program may be tried under none."""

    name: str
    unless: str
    titles: dict[str, str]


class Pairs(Reader):
    """Takes tables apart whose keys are free."""

    def pairs(self, node: Node | None, name: str) -> dict[str, Node]:
        """Return the entries of such a table."""
        if isinstance(node, MappingNode):
            return self.fields(node, name, (), tuple(key.value for key, _ in node.value))
        return self.fields(node, name, ())


@once
def read(course: Course) -> Read[list[Group]]:
    """Read the groups, and find what is wrong in them."""
    reader = Pairs(course.yaml(FILE))
    groups: list[Group] = []
    seen: set[str] = set()
    for node in reader.items(reader.root, "the conditions"):
        found = reader.fields(node, "a group", ("group", "conditions"), ("group", "conditions", "unless"))
        titles = reader.pairs(found.get("conditions"), "conditions")
        for name, title in titles.items():
            if name in seen:
                reader.wrong(title, f"{name} stands here twice; remove one")
            seen.add(name)
        groups.append(
            Group(
                reader.text(found.get("group"), "group"),
                reader.markdown(found.get("unless"), "unless"),
                {name: reader.text(title, name) for name, title in titles.items()},
            )
        )
    return reader.made(groups)


def titles(course: Course) -> dict[str, str]:
    """Return what readers call each condition, in their order."""
    return {name: title for group in read(course).data for name, title in group.titles.items()}


def untold(groups: list[Group], told: Iterable[str], untried: dict[str, str]) -> dict[str, str]:
    """Return why a program is not tried where it tells nothing, by the condition; "" where there is no reason."""
    found: dict[str, str] = {}
    told = set(told)
    for group in groups:
        why = "" if told & group.titles.keys() else group.unless
        for name in group.titles.keys() - told:
            found[name] = untried.get(name) or untried.get(group.name) or why
    return {name: found[name] for group in groups for name in group.titles if name in found}
