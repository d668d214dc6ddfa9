# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Send many commands in few round trips: chunks without MULTI, an answer for each command, values with a TTL."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

Command = tuple[str, ...]


def connect(url: str) -> redis.Redis:
    """Make the one client that the whole process shares. Times are in seconds."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # the database is the second try
    )
    return redis.Redis.from_pool(pool)


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
    client = connect(url)
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
