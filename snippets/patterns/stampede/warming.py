# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Before traffic comes: store what will be read, in one round trip, with expiries that do not coincide."""

import json
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

import redis


# --8<-- [start:jitter]
def jitter(  # differs: with a seed, so that two runs agree
    ttl: int, rng: random.Random, spread: float = 0.1
) -> int:
    """Draw a TTL from ±10 % of the one that is meant."""
    return round(ttl * rng.uniform(1 - spread, 1 + spread))


def peak(ttls: Iterable[int]) -> int:
    """Of keys written together: how many expire in the worst second?"""
    return max(Counter(ttls).values())


# --8<-- [end:jitter]


def cache_key(category: str) -> str:
    return f"cache:bestsellers:{category}"


# --8<-- [start:warm]
def bestsellers(db: sqlite3.Connection) -> dict[str, list[str]]:
    titles: dict[str, list[str]] = {}
    query = "SELECT category, title FROM books ORDER BY category, sold DESC"
    for category, title in db.execute(query):
        titles.setdefault(category, []).append(title)
    return titles


def warm(cache: redis.Redis, db: sqlite3.Connection, rng: random.Random) -> int:
    """Store the bestsellers of all categories. Return how many were new."""
    titles = bestsellers(db)
    batch = cache.pipeline(transaction=False)
    for category, best in titles.items():  # for a minute only, until we have
        value = json.dumps(best, separators=(",", ":"))  # looked again
        batch.set(cache_key(category), value, ex=60, nx=True)
    stored = zip(titles, batch.execute(), strict=True)
    ours = [category for category, is_new in stored if is_new]

    newest = bestsellers(db)  # with each commit whose delete came before our SET
    for category in ours:
        if newest.get(category) == titles[category]:
            batch.expire(cache_key(category), jitter(3600, rng))
        else:
            batch.delete(cache_key(category))
    batch.execute()
    return len(ours)


# --8<-- [end:warm]


def main() -> None:
    rng = random.Random(3600)
    for ttl in (3600, 60):
        alike, spread = peak([ttl] * 10_000), peak(jitter(ttl, rng) for _ in range(10_000))
        print(f"10000 keys, TTL {ttl} s: {alike} expire in one second; with ±10 %: at most {spread}")

    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True, socket_timeout=0.5)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE books (title TEXT, category TEXT, sold INTEGER)")
    rows = [("Dune", "scifi", 9), ("Solaris", "scifi", 10), ("Emma", "classics", 7), ("Maus", "comics", 8)]
    db.executemany("INSERT INTO books VALUES (?, ?, ?)", rows)
    keys = [cache_key(category) for category in ("classics", "comics", "scifi")]
    cache.delete(*keys)  # left by an earlier run

    print(f"warmed {warm(cache, db, rng)} categories")
    values: list[Any] = [cache.get(key) for key in keys]
    print(f"first reads: {sum(value is not None for value in values)} hits of {len(values)}")


if __name__ == "__main__":
    main()
