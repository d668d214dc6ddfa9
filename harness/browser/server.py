"""The built site behind HTTP, as a static host serves it."""

import functools
import gzip
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

Served = dict[str, int]  # bytes sent, by address


def find(root: Path, address: str) -> tuple[Path, bool]:
    """Return the file that answers an address, and whether it is the one asked for, not 404.html."""
    path = unquote(urlsplit(address).path).lstrip("/")
    file = root / path / "index.html" if path == "" or path.endswith("/") else root / path
    found = file.is_file() and file.resolve().is_relative_to(root)
    return file if found else root / "404.html", found


@functools.cache
def packed(file: Path, _changed: int) -> bytes:
    """Return a file's bytes compressed. What is asked for again is not compressed again until it changes."""
    return gzip.compress(file.read_bytes(), 6)


class Handler(BaseHTTPRequestHandler):
    """Serve one folder as a static host does: text compressed, 404.html for what is not there."""

    protocol_version = "HTTP/1.1"
    root: Path
    served: ClassVar[Served] = {}

    def handle(self) -> None:
        """Answer as long as the browser asks; that a tab was closed meanwhile is no fault."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer with a file."""
        file, found = find(self.root, self.path)
        kind = mimetypes.guess_type(file.name)[0] or "text/plain"
        text = kind.startswith("text/") or kind.endswith(("javascript", "json", "xml"))
        body = packed(file, file.stat().st_mtime_ns) if text else file.read_bytes()
        self.send_response(200 if found else 404)
        if text:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # a page that is left does not wait for what it asked for
            self.wfile.write(body)
        self.served[self.path] = self.served.get(self.path, 0) + len(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve a folder, and yield its address with a slash at its end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"root": site.resolve()}))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
