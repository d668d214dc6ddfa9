# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""One pattern with two types, failing both ways. Do not copy it: user:{id} is a hash, cache:user:{id} a string."""

import json
import os
from typing import Any

import redis


# --8<-- [start:two-types]
def remember(cache: redis.Redis, user: dict[str, str]) -> None:
    """One team caches its users as JSON."""
    cache.set(f"user:{user['id']}", json.dumps(user), ex=3600)


def recall(cache: redis.Redis, user_id: str) -> Any:
    cached: Any = cache.get(f"user:{user_id}")
    return cached and json.loads(cached)


def rename(cache: redis.Redis, user_id: str, name: str) -> None:
    """Another team keeps the profile as a hash."""
    cache.hset(f"user:{user_id}", "name", name)


# --8<-- [end:two-types]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    cache.delete("user:1")

    remember(cache, {"id": "1", "name": "Ada"})
    try:
        rename(cache, "1", "Ada Lovelace")
    except redis.ResponseError as error:
        print("HSET on the string:", error)

    cache.delete("user:1")
    rename(cache, "1", "Ada Lovelace")
    try:
        recall(cache, "1")
    except redis.ResponseError as error:
        print("GET on the hash:", error)

    remember(cache, {"id": "1", "name": "Ada"})
    print("SET on the hash: no error, and the profile is now a", cache.type("user:1"))
    cache.delete("user:1")


if __name__ == "__main__":
    main()
