"""Each program prints what is stored, and the languages of one example leave the same keys behind."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import record, runner, runs, toolchain
from harness.runs import ran
from harness.toolchain import PROGRAMS
from publish.parts import key_forms, keys
from publish.sources import ledger, snippets
from publish.sources.course import Course
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = snippets.read(ROOT)
JITTER = 1.25  # two TTLs drawn from ±10 % of one value differ by less than 1.1 / 0.9 = 1.23

BY_PATH = {snippet.path: snippet for snippet in LIBRARY.files}
PROGRAMS_BY_PATH = {path: snippet for path, snippet in BY_PATH.items() if not snippet.language.transcript}


@pytest.fixture(scope="module", autouse=True)
def start_all(request: pytest.FixtureRequest) -> None:
    """Start, ahead of their tests, the programs that this session asks for."""
    asked = " ".join(item.name for item in request.session.items if item.path == request.path)
    for path, snippet in BY_PATH.items():
        wanted = any(f"{name}[{path}]" in asked for name in ledger.RUNS)
        if wanted and toolchain.has(snippet.language.tool):
            runs.start(snippet)


@pytest.mark.parametrize("path", BY_PATH)
def test_prints_what_is_stored(path: str, request: pytest.FixtureRequest) -> None:
    request.node.stash[record.SUBJECT] = path, ledger.RUN
    output = ran(BY_PATH[path]).output
    assert output.strip(), "a program that prints nothing shows nothing"
    stored = LIBRARY.outputs.get(BY_PATH[path].example) if path in PROGRAMS_BY_PATH else BY_PATH[path].text
    assert output == stored, "refresh it by `make output`, and look at the difference"


@pytest.mark.parametrize("example", [name for name, languages in LIBRARY.examples.items() if len(languages) > 1])
def test_languages_leave_the_same_keys(example: str) -> None:
    first, *others = LIBRARY.examples[example].values()
    expected = ran(first).keys
    for other in others:
        found = ran(other).keys
        assert {key: entry[:2] for key, entry in found.items()} == {key: entry[:2] for key, entry in expected.items()}
        for key, entry in found.items():
            low, high = sorted([entry.ttl, expected[key].ttl])
            assert (low == high == -1) or (low > 0 and high / low < JITTER), f"{key}: TTL {low} s and {high} s"


REGISTRY = keys.read(Course(ROOT)).data
BOUND = ledger.Ledger(ROOT)
EXEMPT = {  # each shows what goes wrong with keys of another type, and deletes them again
    "modeling/keys/wrong_type", "modeling/examples/sessions_naive",
}  # fmt: skip
FORMLESS = {  # each shows what goes wrong with values of another form
    "patterns/cache-aside/naive", "patterns/refresh-ahead/naive_refresh", "patterns/write-through/dual_write",
    "modeling/structures/strings",
}  # fmt: skip
DEMO = re.compile(r"demo[ :_].*")  # keys that only show a command
AGE = 10  # seconds that may pass between a program's write and our look at its keys


def unregistered(snippet: Snippet) -> list[str]:
    """Say of each key that a program wrote, and that the registry does not hold so, what is wrong with it."""
    wrong, run = [], ran(snippet)
    for key, kind in sorted(run.written | {(key, entry.type) for key, entry in run.keys.items()}):
        rows = [row for row in REGISTRY if row.holds_key(key)]
        if DEMO.fullmatch(key):
            continue
        if len(rows) != 1:
            wrong.append(f"{key}: {keys.FILE} has {len(rows)} rows for it")
        elif kind != rows[0].type:
            wrong.append(f"{key} is a {kind}, and {keys.FILE}:{rows[0].line} says {rows[0].type}")
        elif key in run.keys and not rows[0].allows(run.keys[key].ttl, AGE):
            wrong.append(f"{key} has a TTL of {run.keys[key].ttl} s, and {keys.FILE}:{rows[0].line} has another")
        elif key in run.keys and not formed(rows[0], run.keys[key]):
            wrong.append(f"{key} holds {run.keys[key].value}, and {keys.FILE}:{rows[0].line} says {rows[0].form}")
        elif rows[0].pattern not in BOUND.keys(snippet):
            wrong.append(f"{key}: the program must hold how it begins as one text, so that its row in the ledger is "
                         f"bound to {keys.FILE}:{rows[0].line}")  # fmt: skip
    return wrong


def formed(row: keys.Row, key: runner.Key) -> bool:
    """Tell whether a value is of the form that all programs have agreed on."""
    return not row.form or key_forms.fits(row.form, key.value)


@pytest.mark.parametrize("path", [path for path in BY_PATH if BY_PATH[path].example not in EXEMPT | FORMLESS])
def test_every_pattern_has_one_type(path: str, request: pytest.FixtureRequest) -> None:
    """Every key that the program wrote, if only for a moment, has one row, its type, and a TTL within its bounds."""
    request.node.stash[record.SUBJECT] = path, ledger.RUN
    assert unregistered(BY_PATH[path]) == []


@pytest.mark.parametrize("example", sorted(EXEMPT | FORMLESS))
def test_exempt_program_needs_its_exemption(example: str) -> None:
    assert all(unregistered(snippet) for snippet in LIBRARY.examples[example].values()), "take it off EXEMPT"


@pytest.mark.parametrize("path", PROGRAMS_BY_PATH)
def test_lines_that_a_reader_types_are_those_that_the_runner_uses(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    snippet, typed = BY_PATH[path], []
    runs.wait_for_all()  # what is patched here, they use
    monkeypatch.setattr(runner, "Server", lambda: SimpleNamespace(url="", stop=lambda: None))
    monkeypatch.setattr(runner, "keys", lambda _: {})
    monkeypatch.setattr(runner, "Watch", lambda _: SimpleNamespace(written=frozenset))

    def run(command: list[str], folder: Path, *_: Any, **__: Any) -> SimpleNamespace:
        typed.append(command)
        assert (folder / snippet.file).read_text("utf-8") == snippet.whole
        return SimpleNamespace(returncode=0, stdout="")

    monkeypatch.setattr(runner, "run", run)
    runner.run_snippet(snippet)
    *_, line = snippet.language.commands(snippet.file, snippet.text)
    program, *arguments = shlex.split(line)
    assert typed == [[PROGRAMS[program], *arguments]]


@pytest.mark.parametrize("path", PROGRAMS_BY_PATH)
def test_packages_that_a_reader_installs_are_the_locked_ones(path: str) -> None:
    snippet = BY_PATH[path]
    language, packages = snippet.language, snippet.language.versions(snippet.text)
    assert language.clients(snippet.text), "every program names its Redis client, with its version"
    locked = dict(re.findall(language.locked, (ROOT / language.lock).read_text("utf-8"), re.MULTILINE))
    assert {name: locked.get(name) for name in packages} == packages
    if language.install:
        install, _ = language.commands(snippet.file, snippet.text)
        assert re.findall(r" ([\w.@/-]+?)(?:==|@)(v?\d[\w.-]*)", install) == list(packages.items())
