# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""How write-through is often written, failing in four ways. Do not copy it: write_through.py is the mended one."""

import json
import os
import sqlite3
from collections.abc import Callable
from typing import Any

import redis


# --8<-- [start:write]
def update_user(cache: Any, db: Any, user_id: str, user: dict) -> dict:
    sql = "UPDATE users SET name = ?, email = ? WHERE id = ?"
    db.execute(sql, (user["name"], user["email"], user_id))
    db.commit()

    cache.set(f"cache:user:{user_id}", json.dumps(user), ex=3600)
    return user


# --8<-- [end:write]


class Overtaken:
    """A cache for one writer: something else happens between its commit and its SET."""

    def __init__(self, cache: redis.Redis, meanwhile: Callable[[], Any]) -> None:
        self.cache, self.meanwhile = cache, meanwhile

    def set(self, *args: Any, **options: Any) -> Any:
        self.meanwhile()
        return self.cache.set(*args, **options)


class CrashError(Exception):
    """The writer's process ends here."""


def crash() -> None:
    raise CrashError


def main() -> None:
    cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), decode_responses=True)
    cache.delete("cache:user:1", "cache:user:2")  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)")
    db.execute("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com')")

    def show(step: str, user_id: str) -> None:
        row = db.execute("SELECT name FROM users WHERE id = ?", (user_id,)).fetchone()
        cached = json.loads(cache.get(f"cache:user:{user_id}") or "{}")
        print(f"{step}: the database has {row[0] if row else 'nobody'}, the cache has {cached.get('name')}")

    def update(cache: Any, user_id: str, name: str) -> None:
        update_user(cache, db, user_id, {"name": name, "email": "ada@example.com"})

    update(Overtaken(cache, lambda: update(cache, "1", "B")), "1", "A")
    show("1. A commits, B commits and sets, A sets", "1")
    print("   the cache keeps it for an hour:", cache.ttl("cache:user:1") > 3500)

    try:
        update(Overtaken(cache, crash), "1", "C")
    except CrashError:
        show("2. C commits and crashes before its SET", "1")

    print("3. fields of the user in the cache:", list(json.loads(cache.get("cache:user:1") or "{}")))

    update(cache, "2", "Nobody")
    show("4. an UPDATE of user 2, who does not exist", "2")


if __name__ == "__main__":
    main()
