# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""The errors you will meet, each made on purpose. Run it on a Redis of your own: for a moment it changes settings."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis


def said(command: Callable[[], Any]) -> str:
    """Run a command that must fail. Return the error's class in redis-py, and its message."""
    try:
        command()
    except redis.RedisError as error:
        return f"{type(error).__name__}: {error}"
    raise RuntimeError("it did not fail")


# --8<-- [start:data]
def wrong_type(cache: redis.Redis) -> str:
    cache.set("demo:text", "Ada", ex=60)
    return said(lambda: cache.lpush("demo:text", "Grace"))  # a list's command


def group_exists(cache: redis.Redis) -> str:
    cache.delete("stream:demo")
    cache.xgroup_create("stream:demo", "workers", mkstream=True)
    error = said(lambda: cache.xgroup_create("stream:demo", "workers"))
    cache.delete("stream:demo")
    return error


def unknown_script(cache: redis.Redis) -> str:
    return said(lambda: cache.evalsha("0" * 40, 0))


# --8<-- [end:data]


# --8<-- [start:cluster]
def moved(cluster_url: str) -> str:
    plain = redis.Redis.from_url(cluster_url)  # the mistake: it knows one node only
    for number in range(1000):
        try:
            plain.set(f"demo:{number}", "x", ex=60)
        except redis.exceptions.MovedError as error:
            return f"MovedError: {error}"
    raise RuntimeError("all keys lie on this node")


def cross_slot(cluster_url: str) -> str:
    plain = redis.Redis.from_url(cluster_url)
    return said(lambda: plain.mget("demo:ada", "demo:grace"))


# --8<-- [end:cluster]


# --8<-- [start:server]
@contextmanager
def setting(cache: redis.Redis, name: str, value: str) -> Iterator[None]:
    before = cache.config_get(name)[name] or ""
    cache.config_set(name, value)
    try:
        yield
    finally:
        cache.config_set(name, before)


def out_of_memory(cache: redis.Redis) -> str:
    keep_all = setting(cache, "maxmemory-policy", "noeviction")
    with keep_all, setting(cache, "maxmemory", "1"):
        return said(lambda: cache.set("demo:more", "x", ex=60))


def no_password(cache: redis.Redis, url: str) -> str:
    with setting(cache, "requirepass", "secret"):
        return said(redis.Redis.from_url(url, protocol=2).ping)


# --8<-- [end:server]


# --8<-- [start:client]
def pool_exhausted(url: str) -> str:
    pool = redis.ConnectionPool.from_url(url, max_connections=1)
    taken = pool.get_connection()  # the only one
    error = said(lambda: redis.Redis(connection_pool=pool).ping())
    pool.release(taken)
    return error


def refused() -> str:
    return said(redis.Redis.from_url("redis://127.0.0.1:1").ping)


# --8<-- [end:client]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cluster_url = os.environ.get("REDIS_CLUSTER_URL", "redis://127.0.0.1:7000")
    cache = redis.Redis.from_url(url, decode_responses=True)
    errors = {
        "WRONGTYPE": wrong_type(cache),
        "BUSYGROUP": group_exists(cache),
        "NOSCRIPT": unknown_script(cache),
        "MOVED": moved(cluster_url).partition(" ")[0] + " SLOT ADDRESS",
        "CROSSSLOT": cross_slot(cluster_url),
        "OOM": out_of_memory(cache),
        "NOAUTH": no_password(cache, url),
        "pool exhausted": pool_exhausted(url),
        "refused": "ConnectionError: " + refused().rpartition(". ")[2],
    }
    # slot and address differ from run to run, the number of a refusal from system to system
    for name, message in errors.items():
        print(f"{name} | {message}")


if __name__ == "__main__":
    main()
