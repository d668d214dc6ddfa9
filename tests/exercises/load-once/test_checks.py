"""Each check on the starter and the solution in each language, and red on half-completed ones for the right reason.

The checks run programs and know no language, so the many half-completed variants are in Python alone.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import toolchain
from harness.servers import Server
from practice import exercise
from practice.program import Program, ProgramError
from publish.sources import snippets

EXAMPLES = snippets.read(exercise.ROOT).examples
LANGUAGES = [".py", ".cs", ".mjs"]
CHECKS = exercise.table()["2"].checks
WAIT = "            time.sleep(PAUSE)  # another loads; or its lock will expire\n"
LOOK = "            cached = self.cache.get(cache_key(category))  # again\n"
RELEASE = "            self.cache.eval(RELEASE, 1, lock_key(category), token)\n"
TWO_STEPS = """\
            if self.cache.get(lock_key(category)) == token:
                self.cache.delete(lock_key(category))
"""

# name: (what stands in place of what, the check that must be red, what it must say)
HALF = {
    "loads in place of waiting": (WAIT, "            return self.load(category)\n", 0, "the lock is of no use"),
    "waits once, then loads": (WAIT, WAIT + "            return self.load(category)\n", 0, "the lock is of no use"),
    "waits, and never loads": (
        WAIT,
        "            while not self.cache.get(cache_key(category)):\n                time.sleep(PAUSE)\n",
        0,
        "does so for ever",
    ),
    "gives up": (WAIT, WAIT + '            return "nothing"\n', 0, "it returned 'nothing'"),
    "raises": (WAIT, WAIT + "            raise TimeoutError(category)\n", 0, "stops with TimeoutError: books, at line"),
    "no second look": (LOOK, "", 1, "runs the query a second time"),
    "a second look that returns something else": (
        "if cached is None else cached\n",
        "if cached is None else token\n",
        1,
        "should return what lies in the cache",
    ),
    "released by anyone": (RELEASE, "            self.cache.delete(lock_key(category))\n", 2, "outlasts the lock"),
    "released in two steps": (RELEASE, TWO_STEPS, 2, "in two steps"),
    "not released": (RELEASE, "            pass\n", 2, "the lock stays"),
    "no lock": (
        "if self.cache.set(lock_key(category), token, nx=True, px=LOCK_MS):",
        "if True:",
        2,
        "without the lock",
    ),
}
ALSO = {"not released": {1}, "no lock": {0, 1}}  # where one mistake breaks more than one promise


@pytest.fixture
def program(tmp_path: Path, request: pytest.FixtureRequest) -> Program:
    """A variant of an example, compiled: its name, its extension, and what is replaced in it."""
    name, extension, *replaced = request.param
    example = EXAMPLES[f"exercises/load-once/{name}"][extension]
    toolchain.need(example.language.tool)
    text = example.whole
    for old, new in replaced:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "node_modules").symlink_to(exercise.ROOT / "node_modules")
    path = tmp_path / f"2-load-once{extension}"
    path.write_text(text, "utf-8")
    built = Program(path, str(tmp_path / "built"))
    built.compile()
    return built


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Server]]:
    """A server for each check, so that they can run beside each other."""
    own = [Server() for _ in CHECKS]
    yield own
    for server in own:
        server.stop()


def answers(program: Program, servers: list[Server]) -> list[str | None]:
    """Return what each check says."""

    def answer(check: exercise.Check, server: Server) -> str | None:
        try:
            return check(program, server.url)
        except ProgramError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(answer, CHECKS, servers))


@pytest.mark.long
@pytest.mark.parametrize("program", [("starter", one) for one in LANGUAGES], ids=LANGUAGES, indirect=True)
def test_starter_is_told_what_is_missing(program: Program, servers: list[Server]) -> None:
    waits, late, release = answers(program, servers)
    assert "the lock is of no use" in (waits or "")
    assert "runs the query a second time" in (late or "")
    assert "deletes the other caller's lock" in (release or "")


@pytest.mark.long
@pytest.mark.parametrize("program", [("solution", one) for one in LANGUAGES], ids=LANGUAGES, indirect=True)
def test_solution_passes_every_check(program: Program, servers: list[Server]) -> None:
    assert answers(program, servers) == [None] * 3


@pytest.mark.parametrize(
    ("program", "name"),
    [(("solution", ".py", (old, new)), name) for name, (old, new, *_) in HALF.items()],
    ids=HALF,
    indirect=["program"],
)
def test_half_completed_is_red_for_the_right_reason(program: Program, name: str, servers: list[Server]) -> None:
    *_, red, said = HALF[name]
    found = answers(program, servers)
    assert said in (found[red] or ""), found
    assert {number for number, answer in enumerate(found) if answer} == {red} | ALSO.get(name, set()), found


LOCK_FIRST = (
    (  # waits for the lock alone, and looks into the cache once it holds it
        "            if cached is not None:\n                return cached\n            if self.cache.set(",
        "            if cached is not None:\n                return cached\n            while not self.cache.set(",
    ),
    (
        "token, nx=True, px=LOCK_MS):\n                break\n" + WAIT,
        "token, nx=True, px=LOCK_MS):\n                time.sleep(PAUSE)\n            break\n",
    ),
)
WATCHED = """\
            with self.cache.pipeline() as batch:
                batch.watch(lock_key(category))
                if batch.get(lock_key(category)) == token:
                    batch.multi()
                    batch.delete(lock_key(category))
                    batch.execute()
"""
SCRIPT = "await cache.ScriptEvaluateAsync(Release, [key], [token]);"


@pytest.mark.long
@pytest.mark.parametrize(
    "program",
    [
        ("solution", ".py", *LOCK_FIRST),
        ("solution", ".py", (RELEASE, WATCHED)),
        ("solution", ".cs", (SCRIPT, "await cache.LockReleaseAsync(key, token);")),
    ],
    ids=["waits for the lock", "WATCH", "LockReleaseAsync"],
    indirect=True,
)
def test_other_good_solutions_pass(program: Program, servers: list[Server]) -> None:
    assert answers(program, servers) == [None] * 3
