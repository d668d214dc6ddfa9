"""The snippet library: one page that lists every program, and all of them in one zip."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from html import escape

from publish.pages.expand import anchor, badge
from publish.pages.protocol import Part, Site
from publish.sources import ledger
from publish.sources.course import Course
from publish.sources.files import Fault
from publish.sources.headings import title
from publish.sources.languages import LANGUAGES
from publish.sources.proofs import Proof
from publish.sources.snippets import Snippet

PAGE = "snippets/index.md"
ZIP = "snippets/all.zip"
TEXTS = "snippets/all.js"  # every file once more, for Copy: fetched when it is first pressed, from file:// as well
FIRST = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip knows: the same sources make the same zip

HEAD = """---
title: Snippet library
description: Every program of the course, ready to copy or to download. Each runs by itself in an empty folder.
hide: [toc]
---

# Snippet library

{programs} programs. Each is one whole file that runs by itself in an empty folder, with the lines printed on its card.
{transcripts} transcripts of a command line beside them: type what follows a `>`.
{{: .lead }}

They use a Redis at `redis://127.0.0.1:6379`, or the one that `REDIS_URL` names, 7.4 or newer, with nothing in it that
you want to keep, and each needs what its language needs: {needs}.
"""
README = """The programs of the course {name}.

Each is one whole file that runs by itself, with the lines below it, typed in its folder.
All need a Redis, 7.4 or newer, with nothing in it that you want to keep:
at redis://127.0.0.1:6379, or at the address in the environment variable REDIS_URL.
Code: MIT.
"""


def purpose(snippet: Snippet) -> str:
    """Return the line that says what a program is for, or nothing where its head has none."""
    match = re.search(snippet.language.purpose, snippet.text)
    return match[1].strip() if match else ""


def faults(course: Course) -> Iterator[Fault]:
    """Find programs that do not say what they are for."""
    for snippet in course.snippets.files:
        if not purpose(snippet):
            yield Fault(
                snippet.path, 1, "does not say what it is for; begin it with a docstring or a comment of one line"
            )


def pages(course: Course, site: Site) -> dict[str, str | bytes]:
    """Return the page, the zip, and the texts for Copy."""
    programs = course.snippets.files
    texts = {snippet.path: snippet.whole for snippet in programs}
    return {
        PAGE: page(course, site),
        ZIP: archive(programs, site.name),
        TEXTS: f"window.courseFiles = {json.dumps(texts, ensure_ascii=False)};\n",
    }


def topic(snippet: Snippet) -> str:
    """Return the page that a program belongs to: its folder."""
    return snippet.example.rpartition("/")[0]


def page(course: Course, site: Site) -> str:
    """Return the page as Markdown: the filter, then the programs by topic, in the order of the navigation."""
    topics: dict[str, list[Snippet]] = {}
    for snippet in sorted(course.snippets.files, key=lambda one: site.order.get(f"{topic(one)}.md", len(site.order))):
        topics.setdefault(topic(snippet), []).append(snippet)
    written = {name for name in topics if f"docs/{name}.md" in course.pages}
    titles = {name: title(course, f"{name}.md") if name in written else name for name in topics}
    transcripts = sum(snippet.language.transcript for snippet in course.snippets.files)
    used = {snippet.language for snippet in course.snippets.files}
    needs = ", ".join(dict.fromkeys(language.needs for language in LANGUAGES.values() if language in used))
    head = HEAD.format(programs=len(course.snippets.files) - transcripts, transcripts=transcripts, needs=needs)
    parts = [head, controls(course, titles)]
    for name, programs in topics.items():
        home = f'<a href="../{name}.html">{escape(titles[name])}</a>' if name in written else name
        cards = "\n".join(card(course, snippet) for snippet in programs)
        parts.append(
            f'<section class="topic">\n<h2 id="{slug(name)}">{home}</h2>\n'
            f'<ul class="programs">\n{cards}\n</ul>\n</section>\n'
        )
    return "\n".join(parts)


def slug(path: str) -> str:
    """Return an id for a path."""
    return re.sub(r"\W+", "-", path)


def controls(course: Course, titles: dict[str, str]) -> str:
    """Return the filter and the download of everything. Without JavaScript the style sheet hides the filter."""
    used = {snippet.language for snippet in course.snippets.files}
    languages = {one.key: one.label for one in LANGUAGES.values() if one in used}
    return (
        '<form class="library-filter" aria-label="Filter the programs" data-search-exclude>\n'
        f"{select('Language', languages)}\n{select('Topic', titles)}\n<output></output>\n</form>\n"
        '<p data-search-exclude><a href="all.zip" download>Download all as one zip</a></p>\n'
    )


def select(label: str, options: dict[str, str]) -> str:
    """Return one control of the filter."""
    rows = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options.items())
    return f'<label>{label} <select name="{label.lower()}"><option value="">All</option>{rows}</select></label>'


def card(course: Course, snippet: Snippet) -> str:
    """Return what the list says of one program."""
    path = snippet.path.removeprefix("snippets/")
    run = "".join(f"<code>{escape(line)}</code>" for line in snippet.language.commands(snippet.file, snippet.text))
    return (
        f'<li class="program" data-language="{snippet.language.key}" data-topic="{topic(snippet)}">\n'
        f'<p class="program-language" data-search-exclude>{snippet.language.label}</p>\n'
        f'<h3 id="{slug(path)}"><a href="../source/{snippet.path}.html">{snippet.file}</a></h3>\n'
        f"<p>{escape(purpose(snippet))}</p>\n"
        f'<p class="program-run" data-search-exclude>{run}</p>\n'
        f'<p class="program-badge" data-search-exclude>{badge(course, snippet)}</p>\n'
        f"{proved(course, snippet)}"
        f'<p class="program-keep" data-search-exclude>'
        f'<button type="button" class="copy-file" data-file="{snippet.path}" aria-describedby="{slug(path)}">'
        f"Copy</button> "
        f'<a href="{path}" download aria-describedby="{slug(path)}">Download</a></p>\n</li>'
    )


def proved(course: Course, snippet: Snippet) -> str:
    """Return the tests of a program, each with its last outcome and the line where it stands."""
    found = [
        proof
        for tests in course.proofs.values()
        for proof in tests
        if (proof.example, proof.language) == (snippet.example, snippet.language.label)
    ]
    if not found:
        return ""
    passed = sum(proof.outcome == ledger.PASSED for proof in found)
    count = f"{len(found)} proof{'s' if len(found) > 1 else ''}"
    said = f"{count}, passed" if passed == len(found) else f"{count}, {passed} passed"
    rows = "".join(f"<li>{row(proof)}</li>" for proof in sorted(found, key=lambda proof: proof.line))
    opening = '<details class="program-proofs" data-search-exclude>'
    return f"{opening}\n<summary>{said}</summary>\n<ul>{rows}</ul>\n</details>\n"


def row(proof: Proof) -> str:
    """Return one test, with a link to its line."""
    words = proof.name.replace("_", " ")
    mark = "passed" if proof.outcome == ledger.PASSED else "stale"
    link = f'<a href="../source/{proof.path}.html#{anchor(proof.line)}">{words}</a>'
    return f'{link} <span class="badge {mark}">{proof.outcome}</span>'


def archive(programs: list[Snippet], name: str) -> bytes:
    """Return all programs in their folders as a zip, with the lines that run each; stored, so always the same bytes."""
    lines = [README.format(name=name)]
    for snippet in programs:
        run = "\n".join(f"    {line}" for line in snippet.language.commands(snippet.file, snippet.text))
        lines.append(f"{snippet.path.removeprefix('snippets/')}\n  {purpose(snippet)}\n{run}\n")
    files = {"README.txt": "\n".join(lines)}
    files |= {snippet.path.removeprefix("snippets/"): snippet.whole for snippet in programs}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for path, text in files.items():
            entry = zipfile.ZipInfo(path, FIRST)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # as on Unix, wherever it is made
            package.writestr(entry, text.encode())
    return buffer.getvalue()


PART = Part(faults=faults, pages=pages)
