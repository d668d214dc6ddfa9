# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Cache-aside on a cluster of two shards: the cluster client reaches both, a plain client meets MOVED and says so."""

import json
import logging
import os
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from typing import Any

import redis
from redis import OutOfMemoryError, ReadOnlyError
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, MaxConnectionsError, MovedError, RedisClusterException, TryAgainError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

log = logging.getLogger(__name__)


# --8<-- [start:connect]
def connect(url: str) -> redis.RedisCluster:  # differs: a cluster's client
    """Make the one client of the process. Any node will do: it names the others."""
    return redis.RedisCluster.from_url(
        url,
        connection_pool_class=redis.BlockingConnectionPool,
        max_connections=100,  # to each node; the next command waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # it follows a MOVED without a retry
    )


# --8<-- [end:connect]


AWAY, REFUSED, BUSY, MISTAKE = "cache errors", "refused writes", "busy", "mistakes"
PASSING = redis.ConnectionError, redis.TimeoutError, ReadOnlyError, TryAgainError


def kind_of(error: Exception) -> str:
    """What an error of Redis or its client means to us."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or text[:7] in ("MISCONF", "NOREPLI"):
        return REFUSED  # Redis is well, serves reads, and takes no writes
    if isinstance(error, MaxConnectionsError) or text == "No connection available.":
        return BUSY  # our own pool is exhausted: Redis was not asked
    if isinstance(error, redis.AuthenticationError):
        return MISTAKE  # a ConnectionError by class, but waiting mends no password
    if isinstance(error, (*PASSING, ClusterError)) or text[:4] in ("BUSY", "UNBL"):
        return AWAY  # down, slow, starting, failing over, held up by a script
    gone = isinstance(error, RedisClusterException) and "cannot be conn" in text
    return AWAY if gone else MISTAKE  # else MOVED, WRONGTYPE, NOPERM, a bug of ours


TTL, MISSING = 3600, "missing"


@dataclass(frozen=True)
class User:
    id: str
    name: str
    email: str


def user_key(user_id: str) -> str:
    return f"cache:user:{user_id}"


class Users:
    """Cache-aside, as short as it can be."""

    def __init__(self, cache: Any, db: sqlite3.Connection) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.db = cache, db
        self.stats: Counter[str] = Counter()

    def get(self, user_id: str) -> User | None:
        cached = self.try_cache(self.cache.get, user_key(user_id))
        if cached == MISSING:
            return None
        if cached is not None and (user := self.decode(cached)):
            return user
        self.stats["database reads"] += 1
        row = self.db.execute("SELECT id, name, email FROM users WHERE id = ?", (user_id,)).fetchone()
        if row is None:
            return None
        value = json.dumps(asdict(User(*row)), separators=(",", ":"))
        self.tell_cache(self.cache.set, user_key(user_id), value, ex=TTL)
        return User(*row)

    def decode(self, cached: str) -> User | None:
        """A cached value as a user. Anything else is counted, and is a miss."""
        with suppress(ValueError, TypeError, RecursionError):  # no JSON, other fields
            user = User(**json.loads(cached))
            if all(isinstance(value, str) for value in astuple(user)):
                return user
        self.stats["corrupt values"] += 1
        return None

    # --8<-- [start:fail-open]
    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Ask. If Redis is away, count that and answer None; a mistake surfaces."""
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    def tell_cache(self, command: Any, *args: Any, **options: Any) -> None:
        """Tell. The caller has its row or its commit, whatever Redis answers."""
        try:
            command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) == MISTAKE:
                log.exception("a mistake that no outage excuses")

    def failed(self, error: Exception) -> str:
        kind = kind_of(error)
        if kind == BUSY and time.monotonic() < self.hung + 2:
            kind = AWAY  # the pool is exhausted because Redis hangs
        elif kind == AWAY:
            self.hung = time.monotonic()
        self.stats[kind] += 1
        if isinstance(error, ReadOnlyError):  # its address may lead elsewhere now
            self.cache.connection_pool.disconnect(inuse_connections=False)
        return kind

    # --8<-- [end:fail-open]


def main() -> None:
    url = os.environ.get("REDIS_CLUSTER_URL", "redis://127.0.0.1:7000")
    cluster = connect(url)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)")
    for number in range(20):
        row = (str(number), f"user {number}", f"{number}@example.com")
        db.execute("INSERT INTO users VALUES (?, ?, ?)", row)
        cluster.delete(user_key(str(number)))  # left by an earlier run

    users = Users(cluster, db)
    for number in range(40):
        users.get(str(number % 20))
    print(f"cluster client: 40 reads, {users.stats['database reads']} of the database")
    primaries = cluster.get_primaries()  # type: ignore[no-untyped-call]
    print("keys on the shards:", *sorted(cluster.dbsize(target_nodes=node) for node in primaries))

    plain = redis.Redis.from_url(url, decode_responses=True)
    users, moved = Users(plain, db), 0
    for number in range(20):
        try:
            users.get(str(number))
        except MovedError:
            moved += 1
    print(f"client without a map: 20 reads, {moved} MOVED, {users.stats['cache errors']} cache errors")


if __name__ == "__main__":
    main()
