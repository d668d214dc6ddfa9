"""The rows of the benchmark table. Each takes the URL of an empty Redis and returns samples by variant.

Times are seconds. Rounds are interleaved: each times every variant, so that what slows the machine down slows all of
them, and a variant's figure is its ratio to the baseline of the same round.
"""

import contextlib
import json
import math
import random
import socket
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import redis

from harness.load import load

Samples = dict[str, list[float]]


class Row(NamedTuple):
    """A row: what it is called, what it does, what its figures mean, and how they are measured."""

    id: str
    title: str
    workload: str
    metric: str  # what a figure says: "× as fast as one at a time"
    published: str  # what others have published, with its source
    measure: Callable[[str], Samples]
    middle: Callable[[list[float]], float] = statistics.median  # of the samples of a variant


ROUNDS = 31
SHORTEST = 0.02  # seconds that a sample takes at least, so that a clock and a scheduler of milliseconds do not show
ROOT = Path(__file__).resolve().parent.parent


def timed(variant: Callable[[], object], times: int) -> float:
    """Return the seconds that one run takes, of so many runs."""
    started = time.perf_counter()
    for _ in range(times):
        variant()
    return (time.perf_counter() - started) / times


def rounds(variants: dict[str, Callable[[], object]]) -> Samples:
    """Time every variant in each round, in an order shuffled anew. A warm-up before says how often a sample runs it."""
    times = {
        name: math.ceil(SHORTEST / min(timed(variant, 3), timed(variant, 3))) for name, variant in variants.items()
    }
    samples: Samples = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name in random.sample(list(variants), len(variants)):
            samples[name].append(timed(variants[name], times[name]))
    return samples


def ratios(samples: Samples, baseline: str, faster: bool) -> Samples:
    """Return each variant's ratio to the baseline of its round: how much faster, or how much longer it took."""
    base = samples[baseline]
    return {
        name: [b / one if faster else one / b for one, b in zip(times, base, strict=True)]
        for name, times in samples.items()
        if name != baseline
    }


BARE = "bare socket, no client"  # the same commands, encoded before; nothing is decoded or counted


@contextlib.contextmanager
def wire(url: str, commands: bytes, expected: bytes) -> Iterator[Callable[[], None]]:
    """Give a function that sends the commands over a bare socket, and takes what Redis must answer."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask() -> None:
            connection.sendall(commands)
            replies = bytearray()
            while len(replies) < len(expected):
                replies += (part := connection.recv(len(expected) - len(replies)))
                if not part:
                    raise ConnectionError("Redis has closed the connection")
            if replies != expected:
                raise ValueError(f"Redis answered {bytes(replies[:80])!r}")

        yield ask


def bulk(value: str) -> bytes:
    """Return a value as the protocol has it."""
    return b"$%d\r\n%b\r\n" % (len(value.encode()), value.encode())


def array(*values: str) -> bytes:
    """Return a command, or a reply of several values, as the protocol has it."""
    return b"*%d\r\n%b" % (len(values), b"".join(map(bulk, values)))


def cache_hit(url: str) -> Samples:
    """Time a hit through the course's cache-aside, with its counters and fail-open, against GET and json.loads."""
    example = load(ROOT / "snippets/patterns/cache-aside/cache_aside.py")
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)")
    db.execute("INSERT INTO users VALUES ('1', ?, 'ada@example.com')", ("A" * 900,))  # about 1 KB of JSON
    users = example.Users(example.connect(url), db)
    key = example.user_key("1")
    users.get("1")

    def bare() -> None:
        json.loads(users.cache.get(key))

    def ours() -> None:
        users.get("1")

    with wire(url, array("GET", key), bulk(users.cache.get(key))) as ask:
        samples = rounds({"bare": bare, "cache-aside": ours, BARE: ask})
    return ratios(samples, "bare", faster=False)


def batch_set(url: str) -> Samples:
    """Time 1,000 SETs of 100 B: one at a time, in pipelines, and by MSET."""
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
    commands = b"".join(array("SET", key, value) for key, value in items)
    with wire(url, commands, b"+OK\r\n" * len(items)) as variants[BARE]:
        return ratios(rounds(variants), "single", faster=True)


def batch_get(url: str) -> Samples:
    """Time 100 GETs of 1 KB: one at a time, in a pipeline, and by MGET."""
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
    with wire(url, array("MGET", *keys), array(*["x" * 1024] * len(keys))) as variants[BARE]:
        return ratios(rounds(variants), "single", faster=True)


TRIALS = 60


def hyperloglog(url: str) -> Samples:
    """Return how far PFCOUNT is off in each of 60 trials, in percent."""
    client = redis.Redis.from_url(url)
    errors: Samples = {}
    for members in (1_000, 10_000, 100_000):
        errors[f"{members:,} members"] = found = []
        for trial in range(TRIALS):
            key = f"bench:visitors:{trial}"
            names = [f"{trial}:{number}" for number in range(members)]
            for start in range(0, members, 10_000):
                client.pfadd(key, *names[start : start + 10_000])
            found.append(100 * abs(client.pfcount(key) - members) / members)
            client.delete(key)
    return errors


def rms(values: list[float]) -> float:
    """Return the root mean square."""
    return math.sqrt(sum(value * value for value in values) / len(values))


PIPELINING = "[Redis](https://redis.io/docs/latest/develop/using-commands/pipelining/)"
HYPERLOGLOG = "[Redis](https://redis.io/docs/latest/commands/pfcount/)"
ROWS = [
    Row("cache-hit", "Cost of a cache hit", "a warm key with 1 KB of JSON",
        "× the time of a bare GET and json.loads", "nothing found", cache_hit),
    Row("batch-set", "Batch SET", "1,000 values of 100 B", "× as fast as one at a time",
        f"{PIPELINING}: 4.7 for 10,000 PINGs, by the two times that it prints", batch_set),
    Row("batch-get", "Batch GET", "100 values of 1 KB", "× as fast as one at a time",
        f"{PIPELINING}: up to 10 in general", batch_get),
    Row("hyperloglog", "HyperLogLog", f"{TRIALS} trials each", "% root mean square error of PFCOUNT",
        f"{HYPERLOGLOG}: a standard error of 0.81 %", hyperloglog, rms),
]  # fmt: skip
