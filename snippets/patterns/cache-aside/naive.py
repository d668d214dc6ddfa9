# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""How cache-aside is often written, failing in four ways. Do not copy it: cache_aside.py is the mended one."""

import json
import os
import sqlite3
from typing import Any

import redis


# --8<-- [start:read]
def get_user(cache: redis.Redis, db: sqlite3.Connection, user_id: str) -> Any:
    cached = cache.get(f"cache:user:{user_id}")
    if cached:
        return json.loads(cached)

    row = db.execute(f"SELECT * FROM users WHERE id = {user_id}").fetchone()
    cache.set(f"cache:user:{user_id}", json.dumps(row), ex=3600)
    return row


# --8<-- [end:read]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    for user_id in ("7 OR 1=1", "2"):
        cache.delete(f"cache:user:{user_id}")  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT)")
    db.execute("INSERT INTO users VALUES (1, 'Ada', '$2b$12$Qx')")

    print("1. an id that is SQL:", get_user(cache, db, "7 OR 1=1"))
    print("2. in the cache, for an hour:", cache.get("cache:user:7 OR 1=1"))

    get_user(cache, db, "2")  # nobody, yet
    db.execute("INSERT INTO users VALUES (2, 'Grace', '$2b$12$Qx')")
    print("3. a user who has just signed up:", get_user(cache, db, "2"))

    nothing_listens_here = redis.Redis.from_url("redis://127.0.0.1:1")
    try:
        get_user(nothing_listens_here, db, "1")
    except redis.ConnectionError as error:
        print("4. Redis is down:", type(error).__name__)


if __name__ == "__main__":
    main()
