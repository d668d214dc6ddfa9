# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Cache-aside on a cluster of two shards: the cluster client reaches both, a plain client meets MOVED and says so."""

import os
import sqlite3
from collections import Counter
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, MovedError
from redis.retry import Retry


# --8<-- [start:connect]
def connect(url: str) -> redis.RedisCluster:  # differs: a cluster's client
    """Make the one client of the process. Any node will do: it names the others."""
    return redis.RedisCluster.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),  # it follows a MOVED without a retry
    )


# --8<-- [end:connect]


def user_key(user_id: str) -> str:
    return f"cache:user:{user_id}"


class Users:
    """Users as JSON: cache-aside, as short as it can be."""

    def __init__(self, cache: Any, db: sqlite3.Connection) -> None:
        self.cache, self.db = cache, db
        self.stats: Counter[str] = Counter()

    def get(self, user_id: str) -> str | None:
        cached = self.try_cache(self.cache.get, user_key(user_id))
        if cached is not None:
            return str(cached)
        self.stats["database reads"] += 1
        query = "SELECT json_object('id', id, 'name', name, 'email', email) FROM users WHERE id = ?"
        row = self.db.execute(query, (user_id,)).fetchone()
        if row is not None:
            self.try_cache(self.cache.set, user_key(user_id), row[0], ex=3600)
        return row and str(row[0])

    # --8<-- [start:fail-open]
    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except redis.AuthenticationError:
            raise
        except (redis.ConnectionError, redis.TimeoutError, ClusterDownError):
            self.stats["cache errors"] += 1  # differs: a cluster can be down as a whole
            return None

    # --8<-- [end:fail-open]


def main() -> None:
    url = os.environ.get("REDIS_CLUSTER_URL", "redis://127.0.0.1:7000")
    cluster = connect(url)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)")
    for number in range(20):
        row = (str(number), f"user {number}", f"{number}@example.com")
        db.execute("INSERT INTO users VALUES (?, ?, ?)", row)
        cluster.delete(user_key(str(number)))  # left by an earlier run

    users = Users(cluster, db)
    for number in range(40):
        users.get(str(number % 20))
    print(f"cluster client: 40 reads, {users.stats['database reads']} of the database")
    primaries = cluster.get_primaries()  # type: ignore[no-untyped-call]
    print("keys on the shards:", *sorted(cluster.dbsize(target_nodes=node) for node in primaries))

    plain = redis.Redis.from_url(url, decode_responses=True)
    users, moved = Users(plain, db), 0
    for number in range(20):
        try:
            users.get(str(number))
        except MovedError:
            moved += 1
    print(f"client without a map: 20 reads, {moved} MOVED, {users.stats['cache errors']} cache errors")


if __name__ == "__main__":
    main()
