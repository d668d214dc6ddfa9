"""Build the site strictly into site/, or serve it with live reload: `python -m publish.site build|serve`."""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path

from publish import generator
from publish.pages import gate
from publish.pages.check import check, report
from publish.parts.table import PARTS
from publish.sources import ledger
from publish.sources.course import Course
from publish.sources.files import Fault

ROOT = Path.cwd()
WATCHED: tuple[str, ...] = ("docs", "snippets", "tests", "harness", "practice", "benchmarks", "publish/theme")
WATCHED += ("publish/parts/deck.md", "mkdocs.yml", "package-lock.json", "bootstrap.py", ".editorconfig", ledger.FILE)


def build(target: Path, left: bool) -> None:
    """Build into `target`, whole or not at all: the last good site stays until the new one has passed the gate."""
    course = Course(ROOT)
    report(check(course, PARTS, strict=True, left=left))
    draft = target.with_name(target.name + ".new")
    os.umask(0o022)  # a web server may read it, whoever has built it
    try:
        report(generator.build(course, PARTS, draft))
        report(gate.check(course, draft, generator.home(ROOT)))
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    print(f"Built and checked: {target}/index.html")


def serve(port: int) -> None:
    """Serve on loopback with live reload, on `port` or the next free one."""
    wanted, port = port, next_free(port)
    if port != wanted:
        print(f"Port {wanted} is in use; serving on {port} instead.")
    for ending in (signal.SIGINT, signal.SIGTERM):  # so that the temporary site is removed
        signal.signal(ending, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        site, draft = Path(folder, "site"), Path(folder, "draft")

        def rebuild() -> None:
            print("building …", flush=True)
            started = time.monotonic()
            server.faults = drafted(draft, server.url)
            if server.faults:
                print(*server.faults, sep="\n", file=sys.stderr, flush=True)
                shutil.rmtree(draft, ignore_errors=True)
            else:
                shutil.rmtree(site, ignore_errors=True)
                draft.rename(site)
                print(f"built in {time.monotonic() - started:.1f} s", flush=True)

        def ready() -> None:
            print(f"Serving on {server.url} – stop with Ctrl+C", flush=True)

        server = generator.Server(port, site, rebuild, ready)
        rebuild()
        if server.faults:
            sys.exit(1)
        server.run(ROOT / path for path in WATCHED if (ROOT / path).exists())


def drafted(target: Path, url: str) -> list[Fault]:
    """Build what the disk says now into `target`, and return what keeps it from being whole."""
    try:
        course = Course(ROOT)
        return check(course, PARTS) or generator.build(course, PARTS, target, url)
    except Exception as error:  # a source that no check foresaw must not end the server
        traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        return [Fault(place.filename, place.lineno or 1, f"the build stopped with {type(error).__name__}: {error}")]


def next_free(port: int) -> int:
    """Return the first port from `port` on that nothing listens on."""
    for candidate in range(port, port + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", candidate))
                return candidate
    sys.exit(f"No free port from {port} to {port + 99}. Name another: make serve PORT=9000")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["build", "serve"])
    parser.add_argument("--target", type=Path, default=Path("site"))
    parser.add_argument("--left", action="store_true", help="also where cells of the fault matrix are left to run")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    try:
        build(arguments.target, arguments.left) if arguments.command == "build" else serve(arguments.port)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
