"""Check the sources before a build: every fault as `file:line: what is wrong and what to do`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from publish.pages import diagrams
from publish.pages.expand import CLAIM, Press
from publish.parts import benchmarks as figures
from publish.parts import deck, lesson, matrix, tree
from publish.parts import keys as registry
from publish.parts import library_page as library
from publish.parts import questions as bank
from publish.sources import blocks, languages, ledger
from publish.sources.includes import INCLUDE, parse
from publish.sources.includes import PARTS as GENERATED
from publish.sources.languages import LANGUAGES
from publish.sources.proofs import NOT_RUN
from publish.sources.snippets import MARK, RESERVED, Fault, read_text

# What else has sources of its own, and finds its own faults; and what of it is Markdown.
PARTS = (lesson, bank, library, deck, matrix, tree, registry, figures)
WRITTEN = {bank.BANK: bank.texts, matrix.DATA: matrix.texts, tree.DATA: tree.texts, registry.FILE: registry.texts}

ALLOWED = "docs/_course/allowed-code.yml"
CONTAINER = re.compile(r"\s*(?:[-*+]|\d+\.|!!!|\?\?\?\+?|===[!+]?|\[\^\w+\]:|:)\s")


def check(root: Path, strict: bool = False) -> list[Fault]:
    """Return all faults below `root`. `strict` adds what may pass while editing: code that has not run since."""
    press = Press(root)
    faults = [*press.library.faults, *ledger.faults(root), *documents(root)]
    if faults:
        return faults  # the pages could only repeat them
    faults += [fault for part in PARTS for fault in part.faults(root)]
    shown: set[tuple[str, str]] = set()
    for page in sorted((root / "docs").rglob("*.md")):
        path = page.relative_to(root).as_posix()
        text = page.read_text("utf-8")
        faults += check_page(press, path, text, shown)
        if strict:
            stale = diagrams.stale(text, root / "docs")
            faults += [Fault(path, line, "this diagram is not drawn; run `make diagrams`") for line in stale]
    for path, fence in diagrams.generated(root) if strict else ():
        if diagrams.stale(fence, root / "docs"):
            faults.append(Fault(path, 1, "its diagram is not drawn; run `make diagrams`"))
    for path, texts in WRITTEN.items():
        for line, text in texts(root):
            faults += [fault._replace(line=line) for fault in check_page(press, path, text, shown)]
    for snippet in press.library.snippets:
        for name, section in snippet.sections.items():
            if (snippet.example, name) not in shown:
                where = f"add `::: {snippet.example} {name}` to one or remove its markers"
                faults.append(Fault(snippet.path, section.first - 1, f"no page shows section {name}; {where}"))
        problem = ledger.problem(root, press.library, press.ledger, snippet) if strict else ""
        if problem:
            faults.append(Fault(snippet.path, 1, f"{problem}; run `make test`"))
    return faults


def documents(root: Path) -> Iterator[Fault]:
    """Find files below docs/ that cannot be read, or that hold code past the snippets."""
    for file in sorted(file for file in (root / "docs").rglob("*") if file.is_file()):
        path = file.relative_to(root).as_posix()
        if languages.suffix(path) or file.suffix in (".markdown", ".mkd", ".mkdn", ".mdown"):
            yield Fault(path, 1, "code belongs below snippets/, and a page's name ends in .md")
        if file.suffix not in (".md", ".yml"):
            continue
        text, unreadable = read_text(root, path)
        yield from unreadable
        if file.suffix == ".yml":
            try:
                data = yaml.safe_load(text)
            except yaml.YAMLError as error:
                mark = getattr(error, "problem_mark", None)
                reason = getattr(error, "problem", None) or str(error).splitlines()[0]
                yield Fault(path, mark.line + 1 if mark else 1, f"is not valid YAML: {reason}")
            else:
                yield from unlisted(data) if path == ALLOWED else ()


def unlisted(data: Any) -> Iterator[Fault]:
    """Find entries of the allow-list that do not say page, code and reason."""
    for entry in data if isinstance(data, list) else [data]:
        names = ("page", "code", "reason")
        if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in names):
            yield Fault(ALLOWED, 1, "is a list of entries with page, code and reason, each a text")


def is_allowed(root: Path, page: str, code: str) -> bool:
    """Tell whether a page (a path below the repository) may show this code by itself."""
    file = root / ALLOWED
    entries = (yaml.safe_load(file.read_text("utf-8")) or []) if file.exists() else []
    return any(entry["page"] == page and entry["code"].strip() == code.strip() for entry in entries)


def check_page(press: Press, path: str, text: str, shown: set[tuple[str, str]]) -> Iterator[Fault]:
    """Find the faults of one page, and note in `shown` which sections it shows."""
    yield from figures.unknown(press.root, path, text)
    for block in blocks.split(text):
        if not block.fenced:
            for number, line in enumerate(block.text.split("\n"), block.line):
                yield from check_line(press, path, number, line, shown)
            for number in indented_code(block.text):
                yield Fault(path, block.line + number - 1, "is an indented code block; " + INSTEAD)
        elif not block.closed:
            yield Fault(path, block.line, "opens a fence that is never closed")
        elif block.info == "mermaid":
            for problem in diagrams.problems(block.text):
                yield Fault(path, block.line, problem)
        elif not is_allowed(press.root, path, "\n".join(block.text.split("\n")[1:-1])):
            yield Fault(path, block.line, "is code that no test has run; " + INSTEAD)


CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
MISPLACED = re.compile(r"^\s*(#|!!!|\?\?\?|===)|!\[[^\]]*\]\(proof:|\[[^\]]*\[[^\]]*\]\(proof:")
INSTEAD = f"put it into a file below snippets/ and include a section, or list it in {ALLOWED} with a reason"


def check_line(press: Press, path: str, number: int, line: str, shown: set[tuple[str, str]]) -> Iterator[Fault]:
    """Find the faults of one line of prose."""
    if re.search(r"<(pre|code|textarea|xmp|samp|listing)\b", re.sub(r"`[^`]*`", "", line), re.IGNORECASE):
        yield Fault(path, number, "is HTML code that no test has run; " + INSTEAD)
    if MARK in line:
        yield Fault(path, number, f"`{MARK}` marks sections inside snippets; a page says `::: EXAMPLE SECTION`")
    for claim in CLAIM.finditer(line):
        proofs = press.proofs.get(claim["name"], [])
        if not proofs:
            yield Fault(path, number, f"no test is called {claim['name']}; write it, or name the one you mean")
        elif len({proof.example for proof in proofs}) > 1:
            places = ", ".join(sorted({proof.path for proof in proofs}))
            yield Fault(path, number, f"several examples have a test called {claim['name']} ({places}); rename one")
        for proof in proofs:
            if proof.outcome not in (ledger.PASSED, NOT_RUN):
                yield Fault(path, number, f"its proof {claim['name']} {proof.outcome} ({proof.path}:{proof.line})")
    if "](proof:" in CLAIM.sub("", line):
        yield Fault(path, number, "a claim is written [words](proof:name_of_a_test), on one line")
    elif "](proof:" in line and (
        MISPLACED.search(line) or any("](proof:" in one[0] for one in CODE_SPAN.finditer(line))
    ):
        yield Fault(path, number, "a claim stands in running text, not in a heading, a title, a link or code")
    if re.match(r"[\s>|*+-]*:::", line):
        yield from check_include(press, path, number, line, shown)


def check_include(press: Press, path: str, number: int, line: str, shown: set[tuple[str, str]]) -> Iterator[Fault]:
    """Find what is wrong with an include line."""
    match = INCLUDE.match(line)
    if match and (sections := GENERATED.get(match["example"])):
        if match["section"] not in sections:
            yield Fault(path, number, f"{match['example']} has no {match['section']}; it has {', '.join(sections)}")
        return
    include = parse(line)
    if include is None or len(include.indent) % 4:
        form = "write `::: EXAMPLE SECTION` or `… (no LANGUAGE: reason)` on a line of its own, indented by fours"
        yield Fault(path, number, f"is no include; {form}")
        return
    example, section = include.example, include.section
    if example == bank.NAME:
        if section not in press.questions:
            yield Fault(path, number, f"{bank.BANK} has no question {section}")
        return
    inside = (press.root / "snippets" / example).resolve().is_relative_to((press.root / "snippets").resolve())
    if not inside or ".." in example or example.startswith("/"):
        yield Fault(path, number, f"{example} leaves snippets/; name a path below it")
        return
    programs = press.library.examples.get(example)
    if not programs:
        yield Fault(path, number, f"snippets/{example}.* does not exist; it is named without its suffix")
        return
    if section == RESERVED:
        if example not in press.library.outputs:
            yield Fault(path, number, f"snippets/{example}.out does not exist; run `make output`")
        return
    shown.add((example, section))
    for snippet in programs.values():
        if section not in snippet.sections:
            known = ", ".join(snippet.sections)
            yield Fault(path, number, f"{snippet.path} has no section {section}; it has {known}")
    alone = any(snippet.language.transcript for snippet in programs.values())
    absent = [one for key, one in LANGUAGES.items() if not alone and not one.transcript and key not in programs]
    for label in include.reasons.keys() - {language.label for language in absent}:
        yield Fault(path, number, f"gives a reason for the lack of {label}, which is there or is no language of ours")
    for language in absent:
        if not language.optional and language.label not in include.reasons:
            missing = f"snippets/{example}{language.suffix} does not exist"
            yield Fault(path, number, f"{missing}; write it, or add `(no {language.label}: the reason)`")


def indented_code(text: str) -> Iterator[int]:
    """Yield the lines (from 1) at which Markdown would begin an indented code block."""
    depth, blank, code = 0, True, False
    for number, line in enumerate(text.expandtabs(4).split("\n"), 1):
        if not line.strip():
            blank = True
            continue
        indent = len(line) - len(line.lstrip())
        depth = min(depth, indent // 4 * 4) if indent < depth else depth
        if blank and indent >= depth + 4 and not code:
            code = True
            yield number
        elif indent < depth + 4:
            code = False
            if CONTAINER.match(line):
                depth = indent // 4 * 4 + 4
        blank = False


def report(faults: list[Fault]) -> None:
    """Print all faults and leave with exit code 1 if there are any."""
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}; nothing was built.")
