# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A pool as it is often configured, which builds and then fails each command. Do not copy it: pool.py is mended."""

import os
from typing import Any

import redis
from redis.connection import ConnectionPool


# --8<-- [start:pool]
def connect(host: str, port: int) -> redis.Redis:  # differs: what not to do
    pool = ConnectionPool(
        host=host,
        port=port,
        ssl=True,
        ssl_cert_reqs="required",
        max_connections=50,
        socket_keepalive=True,
        socket_timeout=5,
        retry_on_timeout=True,
        health_check_interval=30,
    )
    return redis.Redis(connection_pool=pool)


# --8<-- [end:pool]


# --8<-- [start:retries]
def retries(client: redis.Redis) -> int:
    """Ask a connection how often it repeats what has failed."""
    connection: Any = client.connection_pool.make_connection()
    policy = connection.retry
    return int(policy.get_retries())


# --8<-- [end:retries]


def main() -> None:
    client = connect("127.0.0.1", 6380)
    print("1. built")
    try:
        client.ping()
    except TypeError as error:
        print("2. the first command:", str(error).partition(" got ")[2])

    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    print("3. retries of Redis(host=…):", retries(redis.Redis()))
    print("4. retries of Redis.from_url(…):", retries(redis.Redis.from_url(url)))
    print("5. retries of ConnectionPool(…):", retries(redis.Redis(connection_pool=ConnectionPool())))

    small = redis.Redis(connection_pool=ConnectionPool.from_url(url, max_connections=1))
    small.connection_pool.get_connection()
    try:
        small.ping()
    except redis.ConnectionError as error:
        print("6. all connections in use:", type(error).__name__, "at once")


if __name__ == "__main__":
    main()
