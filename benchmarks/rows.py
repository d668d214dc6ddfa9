"""The rows of the benchmark table. Each takes the URL of an empty Redis and returns samples by variant.

Times are seconds of one round. Rounds are interleaved: each runs every variant once, so that what slows the machine
down slows all of them, and a variant's figure is its ratio to the baseline of the same round.
"""

import importlib.util
import json
import math
import random
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from urllib.parse import urlsplit

import redis

Samples = dict[str, list[float]]


class Row(NamedTuple):
    """A row: what it is called, what it does, what its figures mean, and how they are measured."""

    id: str
    title: str
    workload: str
    metric: str  # what a figure says: "× as fast as one at a time"
    published: str  # what others have published, with its source
    measure: Callable[[str], Samples]


ROUNDS = 15
ROOT = Path(__file__).resolve().parent.parent


def snippet(path: str) -> ModuleType:
    """Import a program of the course, to measure what readers copy."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "snippets" / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def rounds(variants: dict[str, Callable[[], object]], count: int = ROUNDS) -> Samples:
    """Time every variant once a round, in an order shuffled anew; one round before them is not counted."""
    samples: Samples = {name: [] for name in variants}
    for number in range(count + 1):
        for name in random.sample(list(variants), len(variants)):
            started = time.perf_counter()
            variants[name]()
            if number:
                samples[name].append(time.perf_counter() - started)
    return samples


def ratios(samples: Samples, baseline: str, faster: bool) -> Samples:
    """Return each variant's ratio to the baseline of its round: how much faster, or how much longer it took."""
    base = samples[baseline]
    return {
        name: [b / one if faster else one / b for one, b in zip(times, base, strict=True)]
        for name, times in samples.items()
        if name != baseline
    }


FLOOR = "floor: bytes on a bare socket"  # what no client can beat: nothing is encoded, decoded or counted


class Wire:
    """A bare connection that sends what was encoded before, and waits for as many bytes as the replies have."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self.socket = socket.create_connection((where.hostname, where.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, commands: bytes, size: int) -> bytes:
        """Send, and return `size` bytes of reply."""
        self.socket.sendall(commands)
        replies = bytearray()
        while len(replies) < size:
            replies += self.socket.recv(size - len(replies))
        return bytes(replies)


def encoded(*arguments: str) -> bytes:
    """Return a command as the protocol has it."""
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a.encode()) for a in arguments)


def reply(value: bytes | str) -> bytes:
    """Return a value as the protocol has it."""
    text = value.encode() if isinstance(value, str) else value
    return b"$%d\r\n%b\r\n" % (len(text), text)


def cache_hit(url: str) -> Samples:
    """Row 1: a hit through the course's cache-aside, with its counters and fail-open, against GET and json.loads."""
    example = snippet("patterns/cache-aside/cache_aside.py")
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)")
    db.execute("INSERT INTO users VALUES ('1', ?, 'ada@example.com')", ("A" * 900,))  # about 1 KB of JSON
    users = example.Users(example.connect(url), db)
    key = example.user_key("1")
    users.get("1")

    def bare() -> None:
        for _ in range(500):
            json.loads(users.cache.get(key))

    def ours() -> None:
        for _ in range(500):
            users.get("1")

    wire, command = Wire(url), encoded("GET", key)
    size = len(reply(users.cache.get(key)))

    def floor() -> None:
        for _ in range(500):
            wire.ask(command, size)

    variants: dict[str, Callable[[], object]] = {"bare": bare, "cache-aside": ours, FLOOR: floor}
    return ratios(rounds(variants, 3 * ROUNDS), "bare", faster=False)


def batch_set(url: str) -> Samples:
    """Row 2: 1,000 SETs of 100 B: one at a time, in pipelines, and by MSET."""
    client = redis.Redis.from_url(url)
    values = {f"bench:{number}": "x" * 100 for number in range(1000)}
    items = list(values.items())

    def single() -> None:
        for key, value in items:
            client.set(key, value)

    def pipeline(size: int) -> Callable[[], None]:
        def run() -> None:
            for start in range(0, len(items), size):
                pipe = client.pipeline(transaction=False)
                for key, value in items[start : start + size]:
                    pipe.set(key, value)
                pipe.execute()

        return run

    variants: dict[str, Callable[[], object]] = {"single": single, "MSET": lambda: client.mset(values)}
    variants |= {f"pipeline of {size}": pipeline(size) for size in (10, 100, 1000)}
    wire, commands = Wire(url), b"".join(encoded("SET", key, value) for key, value in items)
    variants[FLOOR] = lambda: wire.ask(commands, len(items) * len(b"+OK\r\n"))
    return ratios(rounds(variants), "single", faster=True)


def batch_get(url: str) -> Samples:
    """Row 3: 100 GETs of 1 KB: one at a time, in a pipeline, and by MGET."""
    client = redis.Redis.from_url(url)
    keys = [f"bench:{number}" for number in range(100)]
    client.mset(dict.fromkeys(keys, "x" * 1024))

    def single() -> None:
        for key in keys:
            client.get(key)

    def pipeline() -> None:
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.get(key)
        pipe.execute()

    variants: dict[str, Callable[[], object]] = {"single": single, "pipeline": pipeline}
    variants["MGET"] = lambda: client.mget(keys)
    wire, command, size = Wire(url), encoded("MGET", *keys), len(b"*100\r\n") + 100 * len(reply("x" * 1024))
    variants[FLOOR] = lambda: wire.ask(command, size)
    return ratios(rounds(variants, 3 * ROUNDS), "single", faster=True)


TRIALS = 60


def hyperloglog(url: str) -> Samples:
    """Row 8: the relative error of PFCOUNT in each of 60 trials; the table takes their root mean square."""
    client = redis.Redis.from_url(url)
    errors: Samples = {}
    for members in (1_000, 10_000, 100_000):
        errors[f"{members:,} members"] = found = []
        for trial in range(TRIALS):
            key = f"bench:visitors:{trial}"
            names = [f"{trial}:{number}" for number in range(members)]
            for start in range(0, members, 10_000):
                client.pfadd(key, *names[start : start + 10_000])
            found.append(100 * (client.pfcount(key) - members) / members)
            client.delete(key)
    return errors


def rms(values: list[float]) -> float:
    """Return the root mean square."""
    return math.sqrt(sum(value * value for value in values) / len(values))


PIPELINING = "[Redis](https://redis.io/docs/latest/develop/using-commands/pipelining/)"
HYPERLOGLOG = "[Redis](https://redis.io/docs/latest/commands/pfcount/)"
ROWS = [
    Row("cache-hit", "Cost of a cache hit", "a warm key with 1 KB of JSON, 500 reads a round",
        "× the time of a bare GET and json.loads", "nothing found", cache_hit),
    Row("batch-set", "Batch SET", "1,000 values of 100 B", "× as fast as one at a time",
        f"{PIPELINING}: 4.7 for 10,000 PINGs, by the two times that it prints", batch_set),
    Row("batch-get", "Batch GET", "100 values of 1 KB", "× as fast as one at a time",
        f"{PIPELINING}: up to 10 in general", batch_get),
    Row("hyperloglog", "HyperLogLog", f"{TRIALS} trials each", "% root mean square error of PFCOUNT",
        f"{HYPERLOGLOG}: a standard error of 0.81 %", hyperloglog),
]  # fmt: skip
