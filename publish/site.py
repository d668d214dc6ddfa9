"""Build the site strictly into site/, or serve it with live reload: `python -m publish.site build|serve`."""

import argparse
import logging
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

from publish.pages import gate
from publish.pages.check import check, report
from publish.pages.expand import Expander
from publish.pages.protocol import EXTENSION
from publish.parts.table import PARTS
from publish.sources.course import Course

os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")  # we stay below MkDocs 2 on purpose: see the README

import mkdocs.commands.build
import mkdocs.commands.serve
import mkdocs.config
import mkdocs.exceptions

ROOT = Path.cwd()


def build(target: Path) -> None:
    """Build into `target`, whole or not at all: the last good site stays until the new one has passed the gate."""
    course = Course(ROOT)
    report(check(course, PARTS, strict=True))
    draft = target.with_name(target.name + ".new")
    config = mkdocs.config.load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(draft))
    config.mdx_configs[EXTENSION] = {"expander": Expander(course, PARTS)}
    try:
        config.plugins.on_startup(command="build", dirty=False)
        mkdocs.commands.build.build(config)
        config.plugins.on_shutdown()
        report(gate.check(ROOT, draft))
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    print(f"Built and checked: {target}/index.html")


def serve(port: int) -> None:
    """Serve on loopback with live reload, on `port` or the next free one."""
    report(check(Course(ROOT), PARTS))
    wanted, port = port, next_free(port)
    if port != wanted:
        print(f"Port {wanted} is in use; serving on {port} instead.")
    print(f"Serving on http://127.0.0.1:{port}/ – stop with Ctrl+C", flush=True)
    for ending in (signal.SIGINT, signal.SIGTERM):  # so that the temporary site is removed
        signal.signal(ending, signal.default_int_handler)
    mkdocs.commands.serve.serve(str(ROOT / "mkdocs.yml"), dev_addr=f"127.0.0.1:{port}", strict=True)


def next_free(port: int) -> int:
    """Return the first port from `port` on that nothing listens on."""
    for candidate in range(port, port + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    sys.exit(f"No free port from {port} to {port + 99}. Name another: make serve PORT=9000")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["build", "serve"])
    parser.add_argument("--target", type=Path, default=Path("site"))
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)  # what MkDocs has to say
    try:
        build(arguments.target) if arguments.command == "build" else serve(arguments.port)
    except KeyboardInterrupt:
        sys.exit(130)
    except mkdocs.exceptions.MkDocsException as error:
        sys.exit(f"The build stopped: {error}")


if __name__ == "__main__":
    main()
