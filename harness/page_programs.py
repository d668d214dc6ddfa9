"""A pytest plugin for pytest-markdown-docs: the Python that a Markdown file stands for.

For a page of the course that is, for each program in Python that it includes, the whole program: a section alone only
defines functions and proves nothing. For any other file it is the literal fences.

A program runs as a reader runs it, and once: where RUNS_FILE names the outputs of programs that have run (by the digest
of their files, so that a file which has changed since runs again), the page is held against that run.
"""

import functools
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.runs import ran
from publish.sources import snippets
from publish.sources.blocks import split
from publish.sources.files import digest
from publish.sources.includes import parse
from publish.sources.snippets import Snippet, Snippets

ROOT = Path(__file__).resolve().parent.parent
RUNS_FILE = "RUNS_FILE"  # the environment variable
CALL = "from harness.page_programs import prints_what_is_stored\nprints_what_is_stored({!r})\n"


@functools.cache
def library() -> Snippets:
    """Return the snippets."""
    return snippets.read(ROOT)


@functools.cache
def known() -> dict[str, str]:
    """Return the outputs of the programs that have run already, by the digest of their files."""
    file = os.environ.get(RUNS_FILE)
    return json.loads(Path(file).read_text("utf-8")) if file else {}


def prints_what_is_stored(path: str) -> None:
    """Hold what a program prints against what the page shows."""
    [program] = [one for one in library().files if one.path == path]
    output = known().get(digest(program.text)) or ran(program).output
    assert output == library().outputs[program.example], f"{path} prints something else: {output}"


class Parser:
    """Looks to pytest-markdown-docs like a markdown-it parser."""

    def parse(self, markdown: str) -> list[SimpleNamespace]:
        """Return a fence token for each literal fence, and for each program in Python that is included."""
        fences, programs = [], set()
        for block in split(markdown):
            lines = block.text.split("\n")
            if block.fenced:
                fences.append(fence(block.info, "\n".join(lines[1:-1]), block.line))
                continue
            for number, line in enumerate(lines, block.line):
                include = parse(line)
                for program in callable_programs(library(), include.example) if include else ():
                    if program.path not in programs:
                        programs.add(program.path)
                        fences.append(fence("python", CALL.format(program.path), number))
        return fences


def callable_programs(library: Snippets, example: str) -> list[Snippet]:
    """Return the programs of an example that Python can call."""
    return [program for program in library.examples.get(example, {}).values() if program.language.call]


def fence(info: str, content: str, line: int) -> SimpleNamespace:
    """Return what pytest-markdown-docs reads of a token; its lines count from 0."""
    return SimpleNamespace(type="fence", info=info, content=content, map=[line - 1, line])


@pytest.hookimpl(tryfirst=True)
def pytest_markdown_docs_markdown_it() -> Parser:
    """Give pytest-markdown-docs our parser."""
    return Parser()
