"""Check the sources before a build: every fault as `file:line: what is wrong and what to do`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from publish import blocks, diagrams, ledger
from publish.expand import CLAIM, OUTPUT, Press, parse
from publish.languages import LANGUAGES
from publish.proofs import NOT_RUN
from publish.snippets import MARK, Fault

ALLOWED = "docs/_course/allowed-code.yml"
CONTAINER = re.compile(r"\s*(?:[-*+]|\d+\.|!!!|\?\?\?\+?|===[!+]?|\[\^\w+\]:|:)\s")


def check(root: Path, strict: bool = False) -> list[Fault]:
    """Return all faults below `root`. `strict` adds what may pass while editing: code that has not run since."""
    press = Press(root)
    faults = [*press.library.faults, *data(root)]
    if faults:
        return faults  # the pages could only repeat them
    shown: set[tuple[str, str]] = set()
    for page in sorted((root / "docs").rglob("*.md")):
        faults += check_page(press, page.relative_to(root).as_posix(), page.read_text("utf-8"), shown)
    for snippet in press.library.snippets:
        for name, section in snippet.sections.items():
            if (snippet.example, name) not in shown:
                where = f"add `::: {snippet.example} {name}` to one or remove its markers"
                faults.append(Fault(snippet.path, section.first - 1, f"no page shows section {name}; {where}"))
        problem = ledger.problem(root, press.library, press.ledger, snippet) if strict else ""
        if problem:
            faults.append(Fault(snippet.path, 1, f"{problem}; run `make test`"))
    return faults


def data(root: Path) -> Iterator[Fault]:
    """Find YAML that cannot be read."""
    for file in sorted((root / "docs").rglob("*.yml")):
        try:
            yaml.safe_load(file.read_text("utf-8"))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            yield Fault(file.relative_to(root).as_posix(), line, f"is not valid YAML: {error.problem}")


def allowed(root: Path) -> list[dict[str, Any]]:
    """Return the code that may stand in a page by itself, each entry with its page, its text and the reason."""
    file = root / ALLOWED
    return (yaml.safe_load(file.read_text("utf-8")) or []) if file.exists() else []


def check_page(press: Press, path: str, text: str, shown: set[tuple[str, str]]) -> Iterator[Fault]:
    """Find the faults of one page, and note in `shown` which sections it shows."""
    for block in blocks.split(text):
        if not block.fenced:
            for number, line in enumerate(block.text.split("\n"), block.line):
                yield from check_line(press, path, number, line, shown)
            for number in indented_code(block.text):
                yield Fault(path, block.line + number - 1, "is an indented code block; " + INSTEAD)
        elif block.info == "mermaid":
            for problem in diagrams.problems(block.text):
                yield Fault(path, block.line, problem)
        elif not any(path == entry["page"] and entry["code"].strip() in block.text for entry in allowed(press.root)):
            yield Fault(path, block.line, "is code that no test has run; " + INSTEAD)


INSTEAD = f"put it into a file below snippets/ and include a section, or list it in {ALLOWED} with a reason"


def check_line(press: Press, path: str, number: int, line: str, shown: set[tuple[str, str]]) -> Iterator[Fault]:
    """Find the faults of one line of prose."""
    if "<pre" in line or "<code" in line:
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
    if line.lstrip().startswith(":::"):
        yield from check_include(press, path, number, line, shown)


def check_include(press: Press, path: str, number: int, line: str, shown: set[tuple[str, str]]) -> Iterator[Fault]:
    """Find what is wrong with an include line."""
    include = parse(line)
    if include is None:
        yield Fault(path, number, "is no include; write `::: EXAMPLE SECTION` or `… (no LANGUAGE: reason)`")
        return
    example, section = include.example, include.section
    inside = (press.root / "snippets" / example).resolve().is_relative_to((press.root / "snippets").resolve())
    if not inside or ".." in example or example.startswith("/"):
        yield Fault(path, number, f"{example} leaves snippets/; name a path below it")
        return
    languages = press.library.examples.get(example)
    if not languages:
        yield Fault(path, number, f"snippets/{example}.* does not exist; it is named without its suffix")
        return
    if section == OUTPUT:
        if example not in press.library.outputs:
            yield Fault(path, number, f"snippets/{example}.out does not exist; run `make output`")
        return
    shown.add((example, section))
    for snippet in languages.values():
        if section not in snippet.sections:
            known = ", ".join(snippet.sections)
            yield Fault(path, number, f"{snippet.path} has no section {section}; it has {known}")
    for extension, language in LANGUAGES.items():
        if extension not in languages and language.label not in include.reasons:
            missing = f"snippets/{example}{extension} does not exist"
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
