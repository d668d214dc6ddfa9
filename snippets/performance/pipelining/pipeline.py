# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Send many commands in few round trips: chunks without MULTI, an answer for each command, values with a TTL."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import redis

Command = tuple[str, ...]


# --8<-- [start:run]
def run(
    client: redis.Redis,
    commands: Iterable[Command],
    size: int = 500,
) -> Iterator[tuple[Command, Any]]:
    """Yield each command with its reply, or with the error that it alone raised.

    Nothing is sent until you iterate. A lost connection raises: then nobody knows
    what the chunk under way has done, and the rest was not sent.
    """
    rest = iter(commands)
    while chunk := list(islice(rest, size)):
        pipe: Any = client.pipeline(transaction=False)  # the default adds MULTI
        for command in chunk:
            pipe.execute_command(*command)
        yield from zip(chunk, pipe.execute(raise_on_error=False), strict=True)


# --8<-- [end:run]


# --8<-- [start:write]
def set_many(client: redis.Redis, values: dict[str, str], ttl: int) -> list[str]:
    """SET each value with its TTL, as MSET cannot. Return the keys that failed.

    A lost connection raises. For a cache: forget it, the next miss fills in.
    """
    expiry = ("EX", str(ttl))
    commands = (("SET", key, value, *expiry) for key, value in values.items())
    replies = run(client, commands)
    return [sent[1] for sent, reply in replies if isinstance(reply, Exception)]


# --8<-- [end:write]


# --8<-- [start:read]
def get_many(client: Any, keys: list[str]) -> dict[str, str | None]:
    """MGET in one round trip; in a cluster an MGET for each slot."""
    in_cluster = isinstance(client, redis.RedisCluster)
    values = client.mget_nonatomic(keys) if in_cluster else client.mget(keys)
    return dict(zip(keys, values, strict=True))


# --8<-- [end:read]


def reads(client: redis.Redis) -> int:
    """How often the server has read from its connections."""
    return int(client.info("stats")["total_reads_processed"])


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    client = redis.Redis.from_url(url, decode_responses=True)
    values = {f"demo:{number}": "x" * 100 for number in range(1000)}

    before = reads(client)
    for key, value in values.items():
        client.set(key, value, ex=60)
    count = reads(client) - before
    print("1,000 SETs one at a time, reads of the server:", "at least 1,000" if count >= 1000 else count)
    before = reads(client)
    failed = set_many(client, values, 3600)
    count = reads(client) - before
    print("in pipelines of 500:", "fewer than 100" if count < 100 else count)
    print(f"failed: {len(failed)}, TTL of the last: {client.ttl('demo:999')}")
    found = get_many(client, [*values, "demo:none"])
    print(f"keys asked for: {len(found)}, found: {sum(value is not None for value in found.values())}")

    client.mset({"demo:1": "x"})
    print("TTL of a key after MSET:", client.ttl("demo:1"))
    commands = [("SET", "demo:a", "1"), ("LPUSH", "demo:a", "2"), ("SET", "demo:b", "3")]
    for command, reply in run(client, commands):
        print(*command, "->", reply)
    client.delete(*values, "demo:a", "demo:b")


if __name__ == "__main__":
    main()
