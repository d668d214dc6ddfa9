# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Cache-aside with asyncio: read users through Redis; to write, commit to the database, then delete the key."""

import asyncio
import json
import os
import random
import sqlite3
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from typing import Any

import redis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


# --8<-- [start:connect]
def connect(url: str) -> Redis:
    """Make the one client that all tasks of an event loop share. In seconds."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=20,  # commands under way at once: the next task waits,
        timeout=0.5,  # so long, and then that is a ConnectionError
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),  # the database is the second try
    )
    return Redis.from_pool(pool)


# --8<-- [end:connect]


# --8<-- [start:model]
TTL = 3600  # seconds; the longest a lost delete can leave a user stale
MISSING_TTL = 60  # seconds; short, because a missing user may soon exist
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


class Users:
    def __init__(self, cache: Redis, db: sqlite3.Connection) -> None:
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
        await self.try_cache(self.cache.set, key, value, ex=ttl)
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
        delete = self.try_cache(self.cache.delete, user_key(user.id))
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
        """Run a cache command. If Redis is down or slow, count that and answer None."""
        try:
            return await command(*args, **options)
        except redis.AuthenticationError:
            raise  # a ConnectionError by class, but waiting mends no password
        except (redis.ConnectionError, redis.TimeoutError):
            self.stats["cache errors"] += 1
            return None

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
