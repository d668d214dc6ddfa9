"""Run a snippet as a reader would: the whole file, alone in an empty folder, on a private flushed Redis
(and, if it names one, a flushed cluster). Where the tests run on a cluster, on that one.

`python -m harness.runner` (make output) stores what the programs print.
"""

import contextlib
import re
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import redis

from harness import compiler, redis_cli
from harness.readers_folder import readers_folder
from harness.servers import Server, shared_cluster
from harness.targets import SharedCluster
from harness.toolchain import PROGRAMS, has, run
from publish.sources import snippets
from publish.sources.languages import OUTPUT
from publish.sources.snippets import Snippet

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 30  # seconds
BUILD_LIMIT = 150  # of which the compiler may take most


class Key(NamedTuple):
    """What a program left under a key. `ttl` in seconds, -1 where it never expires."""

    type: str
    value: Any
    ttl: int


class Ran(NamedTuple):
    """What a program printed, and the keys that it left."""

    output: str
    keys: dict[str, Key]
    written: frozenset[tuple[str, str]] = frozenset()  # each key that it wrote, deleted ones too, with its type


CLUSTER = threading.Lock()  # there is one: programs that name it run one after the other


def run_snippet(snippet: Snippet) -> Ran:
    """Run a snippet's main. Raises RuntimeError if it fails, TimeoutError if it does not end; both name the file.

    A transcript "prints" itself, with the replies of today.
    """
    with CLUSTER if SharedCluster.running or "REDIS_CLUSTER_URL" in snippet.text else contextlib.nullcontext():
        return run_alone(snippet)


def run_alone(snippet: Snippet) -> Ran:
    """Run a snippet, the cluster being free."""
    own, shared = None, SharedCluster.running
    if shared:
        shared.flush()
        shards, environment = list(shared.own.shards), {"REDIS_URL": shared.url}
    else:
        own = Server()
        shards, environment = [own], {"REDIS_URL": own.url}
    if "REDIS_CLUSTER_URL" in snippet.text:
        cluster = shared_cluster()
        cluster.flush()
        shards += cluster.shards
        environment["REDIS_CLUSTER_URL"] = cluster.url
    try:
        watches = [Watch(shard.url) for shard in shards]
        if snippet.language.transcript:
            said = redis_cli.replay(snippet.text, environment["REDIS_URL"], snippet.path)
            return Ran(said, all_keys(shards), written(watches))
        return Ran(printed(snippet, environment), all_keys(shards), written(watches))
    except TimeoutError as error:
        raise TimeoutError(f"{snippet.path}: {error}") from None
    finally:
        if shared:
            shared.restore()
        elif own:
            own.stop()


def printed(snippet: Snippet, environment: dict[str, str]) -> str:
    """Return what a program prints on the Redis that its environment names. Raises RuntimeError if it fails."""
    with readers_folder(snippet) as folder:
        program, *arguments = shlex.split(snippet.language.run.format(file=snippet.file))
        limit = LIMIT
        if program == "dotnet":  # it compiles, before it runs
            limit, environment = BUILD_LIMIT, environment | compiler.environment()
        result = run([PROGRAMS[program], *arguments], folder, limit, **environment)
    if result.returncode:
        said = result.stderr or result.stdout
        raise RuntimeError(f"{snippet.path} left with exit code {result.returncode}:\n{said}")
    return result.stdout


# What a keyspace event says of the type of its key; others, such as del or expire, say nothing.
EVENTS = {
    "string": r"set|setrange|append|incrby|incrbyfloat|pfadd",
    "hash": r"h(set|del|incrby|incrbyfloat|expire|persist)",
    "list": r"[lr](push|pop|set|insert|trim|rem)",
    "set": r"s(add|rem|pop|move|interstore|unionstore|diffstore)",
    "zset": r"z\w+",
    "stream": r"x\w+(-\w+)?",
}


class Watch:
    """Hears of every key that is written to a server from now on."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url, decode_responses=True, protocol=2)
        self.client.config_set("notify-keyspace-events", "EA")
        self.events = self.client.pubsub()  # type: ignore[no-untyped-call]
        self.events.psubscribe("__keyevent@*__:*")
        self.events.get_message(timeout=5)

    def written(self) -> frozenset[tuple[str, str]]:
        """Return the keys so far, each with the type that the write gave it."""
        self.client.publish("__keyevent@0__:end", "")
        found: set[tuple[str, str]] = set()
        while message := self.events.get_message(timeout=5):
            event = message["channel"].partition(":")[2]
            if event == "end":
                self.client.close()
                return frozenset(found)
            found |= {(message["data"], kind) for kind, names in EVENTS.items() if re.fullmatch(names, event)}
        raise RuntimeError("the events of the keys have no end: some were lost")


def written(watches: list[Watch]) -> frozenset[tuple[str, str]]:
    """Return the keys that were written to any of the servers."""
    return frozenset(pair for watch in watches for pair in watch.written())


READERS: dict[str, Callable[[Any, str], Any]] = {
    "string": lambda client, key: client.get(key),
    "hash": lambda client, key: client.hgetall(key),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "set": lambda client, key: client.smembers(key),
    "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    "stream": lambda client, key: [fields for _, fields in client.xrange(key)],
}


def all_keys(shards: list[Server]) -> dict[str, Key]:
    """Return everything that these servers hold."""
    return {name: key for shard in shards for name, key in keys(shard.url).items()}


def keys(url: str) -> dict[str, Key]:
    """Return everything that a server holds."""
    with redis.Redis.from_url(url, decode_responses=True, encoding_errors="backslashreplace", protocol=2) as client:
        types = {key: client.type(key) for key in client.scan_iter()}
        return {key: Key(kind, READERS[kind](client, key), client.ttl(key)) for key, kind in types.items()}


def store_outputs() -> None:
    """Run each example in the first language it has, and store what it printed; a transcript, its replies."""
    library = snippets.read(ROOT)
    if library.faults:
        sys.exit("\n".join(map(str, library.faults)))
    for example, programs in library.examples.items():
        snippet = next((one for one in programs.values() if has(one.language.tool)), None)
        if snippet is None:
            print(f"snippets/{example}: not run, no toolchain here for it")
            continue
        try:
            output = run_snippet(snippet).output
        except (RuntimeError, TimeoutError) as error:
            sys.exit(str(error))
        if snippet.language.transcript:
            if output != snippet.text:
                (ROOT / snippet.path).write_text(output, "utf-8")
                print(f"{snippet.path}: replies stored")
        elif output != library.outputs.get(example):
            (ROOT / "snippets" / (example + OUTPUT)).write_text(output, "utf-8")
            print(f"snippets/{example}{OUTPUT}: stored from {snippet.language.label}")


if __name__ == "__main__":
    store_outputs()
