"""A network that can be told to misbehave: it passes on what a client and a Redis say to each other, late, or not."""

import contextlib
import socket
import threading
import time

ANNOUNCES = b"MAINT_NOTIFICATIONS"  # how a client asks for pushes that announce maintenance


class Tap:
    """A proxy before the Redis at `port`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.late = 0.0  # seconds by which each reply comes late
        self.losing = False  # the next reply is lost, after its command has run
        self.asked_for_pushes = False
        self.clients: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Take connections until it is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.clients.append(client)
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        """Pass one connection on. A client that asks for pushes is told that it gets them, as Redis Enterprise does."""
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.port)) as server:
            threading.Thread(target=self.answer, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                if ANNOUNCES in data:
                    self.asked_for_pushes = True
                    client.sendall(b"+OK\r\n")
                else:
                    server.sendall(data)

    def answer(self, server: socket.socket, client: socket.socket) -> None:
        """Pass the replies back."""
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.losing:
                    self.losing = False
                    client.shutdown(socket.SHUT_RDWR)  # close() alone would wait for the other thread's recv
                    return
                time.sleep(self.late)
                client.sendall(data)

    def push(self, message: bytes) -> None:
        """Send what no client has asked for to all of them."""
        for client in self.clients:
            with contextlib.suppress(OSError):
                client.sendall(message)

    def close(self) -> None:
        """Take no more connections."""
        self.listener.close()
