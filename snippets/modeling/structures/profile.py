# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A hash as an object: a profile whose fields change one by one."""

import os
from dataclasses import asdict, dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # a repeated HINCRBY would count twice
    )
    return redis.Redis.from_pool(pool)


# --8<-- [start:perform]
def perform(cache: redis.Redis, command: Any, *args: Any, **options: Any) -> Any:
    """Redis alone has this, so whatever fails is the caller's to know."""
    try:
        return command(*args, **options)
    except redis.ReadOnlyError:  # its address may lead elsewhere now
        cache.connection_pool.disconnect(inuse_connections=False)
        raise


# --8<-- [end:perform]


# --8<-- [start:profile]
@dataclass(frozen=True)
class Profile:
    id: str
    name: str
    email: str
    visits: int = 0


def save(cache: redis.Redis, profile: Profile) -> None:
    """Replace the whole, and so what others wrote since it was loaded."""
    fields: Any = asdict(profile)
    with cache.pipeline(transaction=True) as change:
        change.delete(f"user:{profile.id}")  # HSET keeps old fields
        change.hset(f"user:{profile.id}", mapping=fields)
        perform(cache, change.execute)


def visit(cache: redis.Redis, user_id: str) -> None:
    """Change one field, whatever others do to the rest."""
    perform(cache, cache.hincrby, f"user:{user_id}", "visits", 1)


def load(cache: redis.Redis, user_id: str) -> Profile | None:
    fields = perform(cache, cache.hgetall, f"user:{user_id}")
    if "id" not in fields:  # no such key is an empty hash, not None
        return None
    texts = {name: fields.get(name, "") for name in ("id", "name", "email")}
    return Profile(**texts, visits=int(fields.get("visits", 0)))


# --8<-- [end:profile]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete("user:1", "user:2")
    save(cache, Profile("1", "Ada", "ada@example.com"))
    visit(cache, "1")
    print("as it lies in Redis:", cache.hgetall("user:1"))
    print("as it comes back:", load(cache, "1"))
    print("nobody:", load(cache, "2"))


if __name__ == "__main__":
    main()
