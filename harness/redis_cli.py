"""Replay a transcript: send its commands to a real Redis, and write the replies as redis-cli does.

Each line that begins with `> ` is a command; the lines below it are its reply. A mark at the end of a line says what
may differ from run to run: `# varies: REASON` its digits, `# any order` (on the command) the order of the reply.
"""

import contextlib
import os
import re
import shlex
import socket
from collections.abc import Callable, Iterator
from typing import BinaryIO
from urllib.parse import urlsplit

PROMPT = ">"
ANY_ORDER = re.compile(r"\s+# any order$")
VARIES = re.compile(r"\s+# varies: \S.*$")
MOVED = re.compile(r"\(error\) MOVED \d+ (?P<host>\S+):(?P<port>\d+)")
NUMBER = re.compile(r"^\s*\d+\) ")  # of an element of a reply


def reply(stream: BinaryIO) -> list[str]:
    """Read one RESP2 reply, and return it as the lines that redis-cli would print."""
    kind, rest = (line := stream.readline().rstrip(b"\r\n"))[:1], line[1:].decode()
    if kind == b"+":
        return [rest]
    if kind == b"-":
        return [f"(error) {rest}"]
    if kind == b":":
        return [f"(integer) {rest}"]
    if rest == "-1":
        return ["(nil)"]
    if kind == b"$":
        return [quoted(stream.read(int(rest) + 2)[:-2])]
    if kind == b"*":
        return list(numbered([reply(stream) for _ in range(int(rest))])) or ["(empty array)"]
    raise ConnectionError(f"no RESP2 reply: {line!r}")


def quoted(value: bytes) -> str:
    """Quote a string as redis-cli does: printable ASCII as it is, all else escaped."""
    known = {ord("\\"): "\\\\", ord('"'): '\\"', 10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b"}
    return '"' + "".join(known.get(b, chr(b) if 32 <= b < 127 else f"\\x{b:02x}") for b in value) + '"'


def numbered(elements: list[list[str]]) -> Iterator[str]:
    """Number the elements of an array, and indent those that take several lines."""
    width = len(str(len(elements)))
    for number, lines in enumerate(elements, 1):
        yield f"{number:{width}}) {lines[0]}"
        yield from (f"{'':{width}}  {line}" for line in lines[1:])


def replay(text: str, url: str, path: str = "transcript") -> str:
    """Return the transcript as this Redis answers it today, marks and comments kept.

    Where the tests run on a cluster, it is answered as by `redis-cli -c`, which follows the keys.

    Raises RuntimeError with `path` and line for what is no command, and no reply to one.
    """
    address = urlsplit(url)
    said: list[str] = []
    with contextlib.ExitStack() as stack:
        ask = connect(stack, address.hostname or "127.0.0.1", address.port or 6379)
        for number, command, expected in exchanges(text):
            said.append(command)
            if command.startswith(PROMPT):
                try:
                    words = arguments(ANY_ORDER.sub("", command).removeprefix(PROMPT))
                except ValueError as error:
                    raise RuntimeError(f"{path}:{number}: {error}") from None
                found = ask(words)
                if url == os.environ.get("REDIS_CLUSTER_OF_TESTS") and (moved := MOVED.fullmatch(found[0])):
                    ask = connect(stack, moved["host"], int(moved["port"]))  # and stay there
                    found = ask(words)
                said += settle(found, expected, bool(ANY_ORDER.search(command)))
            elif expected:
                raise RuntimeError(f"{path}:{number + 1}: is a reply to no command; begin a command with `> `")
    return "\n".join(said) + "\n"


def connect(stack: contextlib.ExitStack, host: str, port: int) -> Callable[[list[str]], list[str]]:
    """Connect to a Redis until the stack is closed. Return a function that sends it a command, and gives its reply."""
    connection = stack.enter_context(socket.create_connection((host, port), timeout=10))
    stream = connection.makefile("rb")

    def ask(words: list[str]) -> list[str]:
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        connection.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
        return reply(stream)

    return ask


def arguments(command: str) -> list[str]:
    """Take a command apart. Raises ValueError for what the shell's rules and redis-cli's read differently."""
    if re.search(r'\\[^"\\]', command):
        raise ValueError('after a backslash only " and \\ mean the same to redis-cli and to this replay')
    words = shlex.split(command)  # raises ValueError for a quotation without an end
    if not words:
        raise ValueError("there is no command behind the prompt")
    return words


def exchanges(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield each command with its line and the reply that it expects; comments and blank lines likewise."""
    lines = ["", *text.splitlines()]  # what stands before the first command belongs to a line 0 that is blank
    starts = [i for i, line in enumerate(lines) if line.startswith((PROMPT, "#")) or not line.strip()]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if start or end > 1:
            yield start, lines[start], lines[start + 1 : end]


def settle(found: list[str], expected: list[str], any_order: bool) -> list[str]:
    """Return the reply, with the expected lines in place of those that differ only where they may."""
    bare = [sorted(NUMBER.sub("", line) for line in lines) for lines in (found, expected)]
    if any_order and bare[0] == bare[1]:
        return expected
    if len(found) != len(expected):
        return found
    return [
        want if VARIES.search(want) and re.sub(r"\d+", "0", VARIES.sub("", want)) == re.sub(r"\d+", "0", got) else got
        for got, want in zip(found, expected, strict=True)
    ]
