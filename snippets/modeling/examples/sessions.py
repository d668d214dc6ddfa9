# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Sessions that always expire, and an index of each user's sessions that forgets the expired ones."""

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
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
        retry=Retry(NoBackoff(), retries=0),  # this is no cache: a failure is the caller's to know
    )
    return redis.Redis.from_pool(pool)


def perform(cache: redis.Redis, command: Any, *args: Any, **options: Any) -> Any:
    """Redis alone has this, so whatever fails is the caller's to know."""
    try:
        return command(*args, **options)
    except redis.ReadOnlyError:  # its address may lead elsewhere now
        cache.connection_pool.disconnect(inuse_connections=False)
        raise


# --8<-- [start:key]
TTL = 1800  # seconds; after this the user signs in again
Clock = Callable[[], float]


def session_key(token: str) -> str:
    """The token opens the session, so Redis and its logs see only its digest."""
    return f"session:{hashlib.sha256(token.encode()).hexdigest()}"


# --8<-- [end:key]


# --8<-- [start:create]
class Sessions:
    def __init__(self, store: redis.Redis, clock: Clock = time.time) -> None:
        self.store, self.clock = store, clock

    def create(self, user_id: str) -> str:
        """Begin a session: all of it or, if this process dies, none of it."""
        token = secrets.token_urlsafe(32)
        key, index = session_key(token), f"user:{user_id}:sessions"
        now = self.clock()
        with self.store.pipeline(transaction=True) as change:
            change.hset(key, mapping={"user_id": user_id, "created": int(now)})
            change.expire(key, TTL)
            change.zadd(index, {key: now + TTL})
            change.zremrangebyscore(index, "-inf", now)  # those that have expired
            change.expire(index, TTL)  # as long as its youngest session
            perform(self.store, change.execute)
        return token

    # --8<-- [end:create]

    # --8<-- [start:use]
    def user_of(self, token: str) -> Any:
        """Return the id of the user, or None: no such session, or expired."""
        return perform(self.store, self.store.hget, session_key(token), "user_id")

    def active(self, user_id: str) -> Any:
        """Return the keys of the sessions that have not expired, oldest first."""
        index, now = f"user:{user_id}:sessions", self.clock()
        scores = f"({now}", "+inf"
        return perform(self.store, self.store.zrange, index, *scores, byscore=True)

    def end(self, token: str) -> None:
        key, user_id = session_key(token), self.user_of(token)
        if user_id is None:
            return
        with self.store.pipeline(transaction=True) as change:
            change.delete(key)
            change.zrem(f"user:{user_id}:sessions", key)
            perform(self.store, change.execute)

    def end_all(self, user_id: str) -> None:
        """Sign a user out everywhere, of a session that begins meanwhile too."""
        index = f"user:{user_id}:sessions"

        def change(pipe: Pipeline) -> None:
            keys: Any = pipe.zrange(index, 0, -1)  # answers at once
            pipe.multi()
            pipe.delete(index, *keys)

        # WATCH: again, if the index changed
        perform(self.store, self.store.transaction, change, index)

    # --8<-- [end:use]


def main() -> None:
    store = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    sessions = Sessions(store)
    sessions.end_all("1")  # left by an earlier run
    phone, laptop = sessions.create("1"), sessions.create("1")
    print("the phone belongs to user", sessions.user_of(phone))
    print("it expires:", 0 < store.ttl(session_key(phone)) <= TTL)
    print("active sessions:", len(sessions.active("1")))
    sessions.end(phone)
    print("after signing out on the phone:", sessions.user_of(phone), len(sessions.active("1")))
    later = Sessions(store, clock=lambda: time.time() + TTL + 1)
    print("half an hour later:", len(later.active("1")))
    sessions.end_all("1")
    print("after signing out everywhere:", sessions.user_of(laptop), len(sessions.active("1")))


if __name__ == "__main__":
    main()
