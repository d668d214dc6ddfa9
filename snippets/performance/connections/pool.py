# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A pool that is built with TLS, timeouts and retries, and that makes callers wait when all connections are in use."""

import os
from concurrent.futures import ThreadPoolExecutor

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry


# --8<-- [start:pool]
def connect(  # differs: a pool of a chosen size
    url: str,
    size: int = 50,
    wait: float = 2,
    retries: int = 1,
    ca: str | None = None,
) -> redis.Redis:
    """Make the one client of the process. `rediss://` is TLS. Times in seconds."""
    tls = {"ssl_ca_certs": ca} if url.startswith("rediss:") else {}
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=size,
        timeout=wait,  # for a connection, where all are in use; its default is 20
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        socket_keepalive=True,
        health_check_interval=30,  # idle for longer: tested before use
        # once more, INCR too; a client that counts gets retries=0
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries),
        decode_responses=True,
        encoding_errors="replace",  # what is no text raises nothing
        **tls,
    )
    return redis.Redis.from_pool(pool)


# --8<-- [end:pool]


# --8<-- [start:use]
def connections_for(client: redis.Redis, callers: int) -> int:
    """Let many threads share the client. Each holds a connection for 0.1 s."""

    def wait_for_work(caller: int) -> None:
        client.blpop([f"demo:pool:{caller}"], timeout=0.1)

    before = client.info("stats")["total_connections_received"]
    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(wait_for_work, range(callers)))
    after = client.info("stats")["total_connections_received"]
    return int(after - before) + 1  # the one that asked was open before


# --8<-- [end:use]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    client = connect(url, size=4)
    client.ping()
    print("retries of a command:", client.connection_pool.connection_kwargs["retry"].get_retries())
    print("connections for 20 callers:", connections_for(client, 20))

    impatient = connect(url, size=4, wait=0.2)
    pool = impatient.connection_pool
    held = [pool.get_connection() for _ in range(4)]
    try:
        impatient.ping()
    except redis.ConnectionError as error:
        print("all 4 in use, after 0.2 s:", error)
    for connection in held:
        pool.release(connection)
    print("they came back:", impatient.ping())


if __name__ == "__main__":
    main()
