"""A proxy that loses replies: Redis runs the command, and the client never hears of it."""

import contextlib
import socket
import threading


class LossyProxy:
    """Passes everything on, but breaks a connection in place of the first `losses` replies to a command."""

    def __init__(self, port: int, command: str, losses: int) -> None:
        self.command, self.losses = b"\r\n" + command.encode() + b"\r\n", losses
        self.attempts = 0  # how often the command came through
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Take connections until it is closed."""
        with contextlib.suppress(OSError):  # until it is closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        """Pass one connection on."""
        lost = threading.Event()
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.port)) as server:
            replies = threading.Thread(target=self.pass_replies, args=(server, client, lost), daemon=True)
            replies.start()
            while data := client.recv(65536):
                if self.command in data:
                    self.attempts += 1
                    if self.attempts <= self.losses:
                        lost.set()
                server.sendall(data)
                if lost.is_set():
                    replies.join()  # Redis has run the command; only now may the client notice
                    return

    def pass_replies(self, server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        """Pass replies back until one is to be lost."""
        with contextlib.suppress(OSError):
            while (data := server.recv(65536)) and not lost.is_set():
                client.sendall(data)

    def close(self) -> None:
        """Take no more connections."""
        self.listener.close()
