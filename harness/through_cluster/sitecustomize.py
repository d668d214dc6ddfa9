"""Give Python programs the cluster's client in place of the plain one, where they connect to the cluster of the tests.

It is the one change that a reader makes for a cluster. Python imports this file by itself at each start with its folder
in PYTHONPATH; the tests import it too, for the programs that they call.
"""

import inspect
import os
from typing import Any

import redis
import redis.asyncio

WITHOUT_NAMES = ("decode_responses", "encoding_errors", "socket_timeout", "socket_connect_timeout")  # it takes them too


def connect_through_cluster(url: str) -> None:
    """From now on let `Redis.from_url(url)` make a client of the cluster that `url` leads to."""
    for plain, cluster in ((redis.Redis, redis.RedisCluster), (redis.asyncio.Redis, redis.asyncio.RedisCluster)):
        replace(plain, cluster, url)
        replace_pool(plain, cluster, url)


def replace(plain: Any, cluster: Any, url: str) -> None:
    """Let `plain.from_url(url)` return a client of the class `cluster`."""
    before = plain.from_url.__func__

    def from_url(kind: Any, address: str, **options: Any) -> Any:
        through = address == url and kind is plain  # a class of the program's own stays what it is
        return cluster.from_url(url, **options) if through else before(kind, address, **options)

    plain.from_url = classmethod(from_url)  # type: ignore[arg-type]


def replace_pool(plain: Any, cluster: Any, url: str) -> None:
    """Let `plain.from_pool` do the same with a pool for `url`. The client of a cluster makes pools of its own."""
    before = plain.from_pool.__func__
    known = {*inspect.signature(cluster.__init__).parameters, *WITHOUT_NAMES} - {"host", "port"}

    def from_pool(kind: Any, pool: Any) -> Any:
        options = pool.connection_kwargs
        if f"//{options.get('host')}:{options.get('port')}" not in url:
            return before(kind, pool)
        return cluster.from_url(url, **{name: options[name] for name in options if name in known})

    plain.from_pool = classmethod(from_pool)


if given := os.environ.get("REDIS_CLUSTER_OF_TESTS"):
    connect_through_cluster(given)
