"""A process that dies in the middle of what it says to Redis: at every byte, one after the other."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import redis


def every_crash(url: str, program: Callable[[str], object], before: Callable[[str], object]) -> Iterator[bool]:
    """Run `before` on an emptied Redis, then `program` until it has said 0, 1, 2 … bytes; yield after each run.

    The program gets the URL of a proxy, which closes both connections at that byte. What is yielded tells whether the
    program came through, which the last run does.
    """
    limit, through = 0, False
    while not through:
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        before(url)
        with Proxy(url, limit) as proxy, contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
            program(proxy.url)
            through = True
        yield through
        limit += 1
        assert limit < 20_000, "the program never comes through"


class Proxy:
    """Passes one connection on to a Redis, until the client has sent `limit` bytes."""

    def __init__(self, url: str, limit: int) -> None:
        address = urlsplit(url)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        self.server = socket.create_connection((address.hostname or "127.0.0.1", address.port or 6379), timeout=5)
        self.limit = limit
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        """Pass bytes on in both directions."""
        client, _ = self.listener.accept()
        self.listener.close()  # whoever connects anew is refused at once
        back = threading.Thread(target=self.answer, args=[client])
        back.start()
        passed = 0
        while passed < self.limit and (data := client.recv(self.limit - passed)):
            passed += len(data)
            self.server.sendall(data)
        self.server.shutdown(socket.SHUT_WR)
        back.join()  # Redis has read everything, and closed the connection
        client.close()

    def answer(self, client: socket.socket) -> None:
        """Pass the replies back until Redis closes the connection."""
        while data := self.server.recv(65536):
            with contextlib.suppress(OSError):
                client.sendall(data)

    def __enter__(self) -> "Proxy":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until Redis has seen the end of the connection."""
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.server.close()
