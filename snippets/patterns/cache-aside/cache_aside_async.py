# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Cache-aside with asyncio: read users through Redis; to write, commit to the database, then delete the key."""

import asyncio
import json
import logging
import os
import random
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from typing import Any

import redis
from redis import OutOfMemoryError, ReadOnlyError
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, MaxConnectionsError, RedisClusterException, TryAgainError
from redis.maint_notifications import MaintNotificationsConfig

log = logging.getLogger(__name__)


# --8<-- [start:connect]
def connect(url: str) -> Redis:
    """Make the one client that all tasks of an event loop share. In seconds."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=20,  # the loop is one thread, and makes no more in time;
        timeout=2,  # the next command waits: then we are busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # the database is the second try
    )
    return Redis.from_pool(pool)


# --8<-- [end:connect]
# --8<-- [start:model]
TTL = 3600  # s, ±10 %: stale for 3,960 s at most, from the SET on
MISSING_TTL = 60  # s; short, because a missing user may soon exist
MISSING = "missing"  # not JSON, so no user can be mistaken for it


@dataclass(frozen=True)
class User:  # what goes into the cache: named fields, no secrets
    id: str
    name: str
    email: str


def user_key(user_id: str) -> str:
    """The only key that this example reads, writes or deletes."""
    return f"cache:user:{user_id}"


def jitter(ttl: int) -> int:
    """Spread expiries over ±10 %: keys written together expire apart."""
    return round(ttl * random.uniform(0.9, 1.1))


# --8<-- [end:model]
# --8<-- [start:kinds]
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


# --8<-- [end:kinds]


class Users:
    def __init__(self, cache: Redis, db: sqlite3.Connection) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.db = cache, db
        self.stats: Counter[str] = Counter()

    # --8<-- [start:read]
    async def get(self, user_id: str) -> User | None:
        key = user_key(user_id)
        cached = await self.try_cache(self.cache.get, key)
        if cached == MISSING:
            return None
        if cached is not None and (user := self.decode(cached)):
            return user

        user = await self.load(user_id)
        value = json.dumps(asdict(user), separators=(",", ":")) if user else MISSING
        ttl = jitter(TTL if user else MISSING_TTL)
        await self.tell_cache(self.cache.set, key, value, ex=ttl)
        return user

    async def load(self, user_id: str) -> User | None:
        self.stats["database reads"] += 1
        query = "SELECT id, name, email FROM users WHERE id = ?"
        row = self.db.execute(query, (user_id,)).fetchone()  # await your driver here
        return None if row is None else User(*row)

    # --8<-- [end:read]
    # --8<-- [start:decode]
    def decode(self, cached: str) -> User | None:
        """A cached value as a user. Anything else is counted, and is a miss."""
        with suppress(ValueError, TypeError, RecursionError):  # no JSON, other fields
            user = User(**json.loads(cached))
            if all(isinstance(value, str) for value in astuple(user)):
                return user
        self.stats["corrupt values"] += 1
        return None

    # --8<-- [end:decode]
    # --8<-- [start:write]
    async def save(self, user: User) -> None:
        upsert = """INSERT INTO users (id, name, email) VALUES (?, ?, ?)
                    ON CONFLICT (id) DO UPDATE
                    SET name = excluded.name, email = excluded.email"""
        with self.db:  # commits, or rolls back and raises
            self.db.execute(upsert, astuple(user))
        delete = self.tell_cache(self.cache.delete, user_key(user.id))
        deleted = asyncio.create_task(delete)  # after the commit
        left = None
        while not deleted.done():  # for no longer than the timeouts
            try:
                await asyncio.wait([deleted])  # it goes on where we are cancelled
            except asyncio.CancelledError as error:
                left = error  # the caller has left, the new row has not
        if left:
            raise left
        deleted.result()

    # --8<-- [end:write]
    # --8<-- [start:fail-open]
    async def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Ask. If Redis is away, count that and answer None; a mistake surfaces."""
        try:
            return await command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if await self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    async def tell_cache(self, command: Any, *args: Any, **options: Any) -> None:
        """Tell. The caller has its row or its commit, whatever Redis answers."""
        try:
            await command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if await self.failed(error) == MISTAKE:
                log.exception("a mistake that no outage excuses")

    async def failed(self, error: Exception) -> str:
        kind = kind_of(error)
        if kind == BUSY and time.monotonic() < self.hung + 2:
            kind = AWAY  # the pool is exhausted because Redis hangs
        elif kind == AWAY:
            self.hung = time.monotonic()
        self.stats[kind] += 1
        if isinstance(error, ReadOnlyError):  # its address may lead elsewhere now
            await self.cache.connection_pool.disconnect(inuse_connections=False)
        return kind

    # --8<-- [end:fail-open]


async def main() -> None:
    def show(step: str, user: User | None) -> None:
        print(f"{step}: {user.name if user else 'nobody'}, database reads: {users.stats['database reads']}")

    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, password_hash TEXT)")
    async with connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")) as cache:
        users = Users(cache, db)
        await users.save(User("1", "Ada", "ada@example.com"))
        show("first read", await users.get("1"))
        show("second read", await users.get("1"))
        await users.save(User("1", "Ada Lovelace", "ada@example.com"))
        show("read after write", await users.get("1"))
        await cache.delete(user_key("2"))  # left by an earlier run
        show("missing user", await users.get("2"))
        show("missing user again", await users.get("2"))
    print(f"cache errors: {users.stats['cache errors']}")


if __name__ == "__main__":
    asyncio.run(main())
