"""A pytest plugin for pytest-markdown-docs: the Python that a Markdown file stands for.

For a page of the course that is, for each program in Python that it includes, the whole program with `main` called: a
section alone only defines functions and proves nothing. For any other file it is the literal fences.
"""

from pathlib import Path
from types import SimpleNamespace

import pytest

from publish.sources import snippets
from publish.sources.blocks import split
from publish.sources.includes import parse
from publish.sources.snippets import Snippet, Snippets

ROOT = Path(__file__).resolve().parent.parent
WANTS_EMPTY = {"anti-patterns/eviction"}  # refuses a Redis that holds keys, as the programs before it leave some
EMPTY = "import os, redis; redis.Redis.from_url(os.environ['REDIS_URL']).flushall()\n"


class Parser:
    """Looks to pytest-markdown-docs like a markdown-it parser."""

    def __init__(self) -> None:
        self.library = snippets.read(ROOT)

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
                for program in callable_programs(self.library, include.example) if include else ():
                    if program.path not in programs:
                        programs.add(program.path)
                        file = f"__file__ = {str(ROOT / program.path)!r}  # some start themselves once more\n"
                        file += EMPTY if program.example in WANTS_EMPTY else ""
                        fences.append(fence("python", f"{file}{program.whole}\n{program.language.call}\n", number))
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
