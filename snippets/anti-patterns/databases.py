# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""SELECT on a pooled client: it changes one connection, and the next one writes elsewhere."""

import os

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


# --8<-- [start:habit]
def write_two(cache: redis.Redis, database: int) -> None:
    cache.select(database)
    cache.set("demo:first", "1", ex=60)  # the pool hands out the same connection
    busy = cache.connection_pool.get_connection()  # as another thread would
    try:
        cache.set("demo:second", "2", ex=60)  # on a new connection: database 0
    finally:
        cache.connection_pool.release(busy)


# --8<-- [end:habit]


# --8<-- [start:prefix]
def within(app: str, tenant: str, key: str) -> str:
    """Part the tenants by the key, not by the database. A cluster allows it too."""
    if not (app and tenant) or ":" in app + tenant:
        raise ValueError(f"these are no names: {app!r}, {tenant!r}")
    return f"{app}:{tenant}:{key}"


# --8<-- [end:prefix]


def main() -> None:
    databases = {number: redis.Redis.from_url(URL, db=number, decode_responses=True) for number in (0, 1)}
    keys = ["demo:first", "demo:second"]
    for one in databases.values():
        one.delete(*keys)
    write_two(redis.Redis.from_url(URL), 1)
    for number, one in databases.items():
        print(f"database {number}: {', '.join(key for key in keys if one.delete(key))}")
    print("instead:", within("shop", "acme", "cache:user:1"))


if __name__ == "__main__":
    main()
