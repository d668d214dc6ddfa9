# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A connection for each operation against one client for the process: the server counts both."""

import os
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


# --8<-- [start:habit]
def count_view_connecting(url: str, name: str) -> None:
    cache = redis.Redis.from_url(url)
    try:
        cache.incr(f"counter:{name}")  # connects, for one command
    finally:
        cache.close()


# --8<-- [end:habit]


# --8<-- [start:shared]
def connect(url: str) -> redis.Redis:
    """Call it once, when the process starts. Threads share the client."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # a repeated INCR would count twice
    )
    return redis.Redis.from_pool(pool)


def count_view(cache: redis.Redis, name: str) -> None:
    cache.incr(f"counter:{name}")


# --8<-- [end:shared]


def connections(server: redis.Redis) -> int:
    """Return how many connections the server has accepted since it started."""
    return int(server.info("stats")["total_connections_received"])


def main() -> None:
    server = redis.Redis.from_url(URL, decode_responses=True)
    server.delete("counter:views")
    before = connections(server)
    for _ in range(100):
        count_view_connecting(URL, "views")
    print(f"100 commands, connecting each time: {connections(server) - before} connections")

    before = connections(server)
    cache = connect(URL)
    for _ in range(100):
        count_view(cache, "views")
    print(f"100 commands, one client: {connections(server) - before} connection")
    counted: Any = server.getdel("counter:views")
    print(f"counted: {counted}")


if __name__ == "__main__":
    main()
