# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A schema version in the key: two releases of one program run side by side, and neither reads the other's values."""

import json
import logging
import os
import random
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from operator import index
from typing import Any

import redis
from redis import OutOfMemoryError, ReadOnlyError
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, MaxConnectionsError, RedisClusterException, TryAgainError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

log = logging.getLogger(__name__)

TTL, MISSING_TTL, MISSING = 3600, 60, "missing"


# --8<-- [start:releases]
@dataclass(frozen=True)
class Release:
    schema: int
    pattern: str  # each schema has a key of its own
    fields: tuple[str, ...]

    def key(self, user_id: str) -> str:
        return self.pattern.format(user_id)

    @property
    def stamp(self) -> dict[str, Any]:  # the first release had none
        return {"schema": self.schema} if self.schema > 1 else {}


OLD = Release(1, "cache:user:{}", ("id", "name", "email"))
NEW = Release(2, "cache:v2:user:{}", ("id", "name", "email", "plan"))
ALIVE = (OLD, NEW)  # ship this list a release before NEW
# --8<-- [end:releases]


class Users:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection, release: Release) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.db, self.release = cache, db, release
        self.stats: Counter[str] = Counter()

    # --8<-- [start:read]
    def get(self, user_id: str) -> dict[str, str] | None:
        key = self.release.key(user_id)
        cached = self.try_cache(self.cache.get, key)
        if cached == MISSING:
            return None
        schema, user = self.decode(cached)
        if user is not None:
            return user
        user = self.load(user_id)
        if schema > self.release.schema:
            self.stats["newer schema"] += 1
            return user  # and leave the newer value to those who can read it
        if cached is not None:
            self.stats["corrupt values"] += 1
        value = encode(self.release.stamp | user) if user else MISSING
        ttl = round((TTL if user else MISSING_TTL) * random.uniform(0.9, 1.1))
        self.tell_cache(self.cache.set, key, value, ex=ttl)
        return user

    # --8<-- [end:read]

    # --8<-- [start:decode]
    def decode(  # differs: says the schema too
        self, cached: str | None
    ) -> tuple[int, dict[str, str] | None]:
        """The schema of a value, 0 if there is none, and the user if we can read it."""
        with suppress(ValueError, TypeError, AttributeError, RecursionError):
            value = json.loads(cached or "")
            schema = index(value.pop("schema", 1))  # no text, no fraction
            texts = all(isinstance(field, str) for field in value.values())
            known = value.keys() == set(self.release.fields) and texts
            return schema, value if known and schema == self.release.schema else None
        return 0, None

    # --8<-- [end:decode]

    def load(self, user_id: str) -> dict[str, str] | None:
        self.stats["database reads"] += 1
        query = f"SELECT {', '.join(self.release.fields)} FROM users WHERE id = ?"  # our own names, no input
        row = self.db.execute(query, (user_id,)).fetchone()
        return None if row is None else dict(zip(self.release.fields, row, strict=True))

    # --8<-- [start:write]
    def rename(self, user_id: str, name: str) -> None:
        with self.db:  # commits, or rolls back and raises
            self.db.execute("UPDATE users SET name = ? WHERE id = ?", (name, user_id))
        for release in ALIVE:  # one DEL each: in a cluster the keys lie on two shards
            self.tell_cache(self.cache.delete, release.key(user_id))

    # --8<-- [end:write]

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


def encode(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


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


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(OLD.key("1"), NEW.key("1"))  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users AS SELECT '1' AS id, 'Ada' AS name, 'ada@example.com' AS email, 'pro' AS plan")
    old, new = Users(cache, db, OLD), Users(cache, db, NEW)
    print("old release:", " ".join((old.get("1") or {}).values()))
    print("new release:", " ".join((new.get("1") or {}).values()))
    old.rename("1", "Ada Lovelace")
    print("new release, after the old one wrote:", " ".join((new.get("1") or {}).values()))
    print("old release, too:", " ".join((old.get("1") or {}).values()))
    cache.set(NEW.key("1"), '{"schema":3,"id":"1"}', ex=3600)
    print("a value of schema 3 under the same key:", " ".join((new.get("1") or {}).values()))
    print("newer schema:", new.stats["newer schema"], "- the key still holds", cache.get(NEW.key("1")))


if __name__ == "__main__":
    main()
