# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A session in three steps, and a process that dies after the first. Do not copy it: sessions.py is the mended one."""

import contextlib
import os
import time
from typing import Any

import redis


# --8<-- [start:create]
def create(store: redis.Redis, user_id: str, session_id: str) -> None:
    store.hset(f"session:{session_id}", mapping={"user_id": user_id})
    # a crash here leaves a session that never ends
    store.expire(f"session:{session_id}", 1800)
    store.sadd(f"user:{user_id}:sessions", session_id)  # which nobody removes


class DiesBeforeExpire(redis.Redis):
    def expire(self, *_: Any, **__: Any) -> Any:
        raise SystemExit("killed between the two commands")


# --8<-- [end:create]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    store = redis.Redis.from_url(url, decode_responses=True)
    store.delete("session:abc", "session:def", "user:1:sessions")

    with contextlib.suppress(SystemExit):
        create(DiesBeforeExpire.from_url(url), "1", "abc")
    print("1. after a crash: user", store.hget("session:abc", "user_id"), "is signed in, TTL", store.ttl("session:abc"))

    create(store, "1", "def")
    store.pexpire("session:def", 1)  # let half an hour pass
    while store.exists("session:def"):
        time.sleep(0.001)
    print("2. the session has expired, the index still names it:", store.smembers("user:1:sessions"))
    store.delete("session:abc", "user:1:sessions")


if __name__ == "__main__":
    main()
