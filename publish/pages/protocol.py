"""What the press asks of a part of the course that is generated, and what it tells a part of the site."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from markdown import Markdown

from publish.sources.course import Course
from publish.sources.files import Fault, Text
from publish.sources.nodes import Read

RENDERED: dict[tuple[str, str], str] = {}  # what texts were rendered to, for all builds of a process
LINK = re.compile(r'(href|src)="/([^":#]*)')


class Expands(Protocol):
    """Turns a page's Markdown into what readers see."""

    def expand(self, markdown: str) -> str:
        """Return the page with all that its lines stand for."""


@dataclass(frozen=True)
class Site:
    """The site as its parts may know it, whatever builds it. `order` is the place of each page in the navigation."""

    name: str
    description: str
    order: Mapping[str, int]
    parts: "tuple[Part, ...]"
    extensions: list[str]  # of Python-Markdown, with their options
    options: dict[str, Any]

    @cached_property
    def renderer(self) -> Markdown:
        """What makes HTML of Markdown. To set it up takes as long as to render a slide."""
        return Markdown(extensions=self.extensions, extension_configs=self.options)

    @cached_property
    def renders(self) -> str:
        """What decides how it does that, beside the text."""
        return repr((self.extensions, self.options))

    def html(self, expander: Expands, markdown: str, up: str) -> str:
        """Return a text as the site renders it. `up` leads from its page to the root: "../" for one a folder down."""
        source = expander.expand(markdown)
        if (key := (self.renders, source)) not in RENDERED:
            RENDERED[key] = self.renderer.reset().convert(source)
        text = RENDERED[key]
        return LINK.sub(lambda link: f'{link[1]}="{up}{re.sub(r"[.]md$", ".html", link[2])}', text)


@dataclass(frozen=True)
class Part:
    """A row of the table of parts, publish/parts/table.py. A part leaves out what it has not."""

    name: str = ""  # an include line names it in place of an example: `::: NAME SECTION`
    sections: tuple[str, ...] = ()
    ids: Callable[[Course], Iterable[str]] = lambda course: ()  # the sections, where these are data
    unknown: str = "{name} has no {section}; it has {sections}"  # the fault of a line that asks for another
    render: Callable[[Course, str], str] = lambda course, section: ""  # Markdown, which is expanded as a page is
    read: Callable[[Course], Read[Any]] = lambda course: Read(None, [], [])  # its data, with faults and texts
    faults: Callable[[Course], Iterable[Fault]] = lambda course: ()  # what else is wrong
    behind: Callable[[Course], Iterable[Fault]] = lambda course: ()  # what has not run since it changed
    diagrams: Callable[[Course], Iterable[Text]] = lambda course: ()  # fences that are drawn ahead as a page's are
    fill: Callable[[Course, str], str] = lambda course, text: text  # puts into running text what its marks stand for
    marks: Callable[[Course, str, str], Iterable[Fault]] = lambda course, path, text: ()  # finds bad marks in a text
    pages: Callable[[Course, Site], Mapping[str, str | bytes]] = lambda course, site: {}  # files of the site, by path
    globals: Callable[[Course], Mapping[str, Any]] = lambda course: {}  # what the theme's templates may use

    def check(self, course: Course) -> list[Fault]:
        """Return what is wrong in the part's sources."""
        return [*self.read(course).faults, *self.faults(course)]

    def problem(self, course: Course, section: str) -> str:
        """Say what is wrong with an include line that asks for a section; nothing if it is there."""
        known = [*self.sections, *self.ids(course)]
        if section in known:
            return ""
        return self.unknown.format(name=self.name, section=section, sections=", ".join(known))
