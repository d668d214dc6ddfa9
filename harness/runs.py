"""Each program's one run in this process, whoever asks first: the contract, a question that traces it, a page."""

from concurrent.futures import Future, ThreadPoolExecutor, wait

from harness import toolchain
from harness.runner import Ran, run_snippet
from publish.sources.files import digest
from publish.sources.snippets import Snippet

POOL = ThreadPoolExecutor(max_workers=2)  # programs run two at a time: each has a Redis of its own
STARTED: dict[str, tuple[Snippet, Future[Ran]]] = {}  # by path


def start(snippet: Snippet) -> Future[Ran]:
    """Run a snippet, once."""
    if snippet.path not in STARTED:
        STARTED[snippet.path] = snippet, POOL.submit(run_snippet, snippet)
    return STARTED[snippet.path][1]


def ran(snippet: Snippet) -> Ran:
    """Return what a snippet did, if its toolchain is here. Raises what its run raised."""
    toolchain.need(snippet.language.tool)
    return start(snippet).result()


def wait_for_all() -> None:
    """Return when no program runs any more."""
    wait(run for _, run in STARTED.values())


def outputs() -> dict[str, str]:
    """Return what each program printed that has run by now and did not fail, by the digest of its file."""
    done = [(snippet, run.result()) for snippet, run in STARTED.values() if run.done() and not run.exception()]
    return {digest(snippet.text): run.output for snippet, run in done}
