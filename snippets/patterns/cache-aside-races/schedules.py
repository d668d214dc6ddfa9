# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""The race of a reader and a writer, run in all ten orders: with a plain delete one ends stale, with versions none."""

import itertools
import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import redis

KEY = "cache:product:1"
TTL, TOMBSTONE_TTL = 3600, 60  # seconds


# --8<-- [start:policies]
class Plain:
    def __init__(self, cache: redis.Redis) -> None:
        self.cache = cache

    def store(self, version: int, price: int) -> None:
        self.cache.hset(KEY, mapping={"version": version, "data": price})
        self.cache.expire(KEY, TTL)

    def invalidate(self, version: int) -> None:
        self.cache.delete(KEY)


class Versioned(Plain):
    SCRIPT = """
    local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
    if stored and stored > tonumber(ARGV[1]) then return 0 end
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 3))
    return redis.call('EXPIRE', KEYS[1], ARGV[2])"""

    def store(self, version: int, price: int) -> None:
        self.cache.eval(self.SCRIPT, 1, KEY, version, TTL, "data", price)

    def invalidate(self, version: int) -> None:
        self.cache.eval(self.SCRIPT, 1, KEY, version, TOMBSTONE_TTL)


# --8<-- [end:policies]


# --8<-- [start:actors]
class Gate:
    """Two meet here twice: the actor begins its step, and has done it."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2, timeout=5)

    def __enter__(self) -> None:
        self.barrier.wait()

    def __exit__(self, *_: object) -> None:
        self.barrier.wait()


def read(policy: Plain, db: sqlite3.Connection, step: Gate) -> None:
    with step:  # GET, always a miss: only this reader fills the cache
        policy.cache.hget(KEY, "data")
    with step:  # SELECT
        row = db.execute("SELECT version, price_cents FROM products").fetchone()
    with step:  # SET
        policy.store(*row)


def write(policy: Plain, db: sqlite3.Connection, step: Gate) -> None:
    with step, db:  # COMMIT
        db.execute("UPDATE products SET price_cents = 475, version = 2")
    with step:  # DEL
        policy.invalidate(2)


# --8<-- [end:actors]


# --8<-- [start:run]
def schedules() -> Iterator[str]:
    """All ways to merge three steps of a reader with two of a writer: 5 over 2."""
    for places in itertools.combinations(range(5), 2):
        yield "".join("W" if place in places else "R" for place in range(5))


def run(policy: Plain, schedule: str) -> str:
    policy.cache.delete(KEY)
    db = sqlite3.connect(":memory:", check_same_thread=False)  # one at a time
    db.execute("CREATE TABLE products AS SELECT 450 AS price_cents, 1 AS version")
    gates = {"R": Gate(), "W": Gate()}
    with ThreadPoolExecutor(max_workers=2) as threads:
        actors = [
            threads.submit(read, policy, db, gates["R"]),
            threads.submit(write, policy, db, gates["W"]),
        ]
        for actor in schedule:
            with gates[actor]:  # it begins its next step, and has done it
                pass
    for actor_result in actors:
        actor_result.result()  # raises what the actor raised
    return "fresh" if policy.cache.hget(KEY, "data") in (None, "475") else "STALE"


# --8<-- [end:run]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache = redis.Redis.from_url(url, decode_responses=True)
    stale = {"plain": 0, "versioned": 0}
    for schedule in schedules():
        results = {"plain": run(Plain(cache), schedule), "versioned": run(Versioned(cache), schedule)}
        print(" ".join(schedule), *(f"  {name}: {result}" for name, result in results.items()), sep="")
        for name, result in results.items():
            stale[name] += result == "STALE"
    for name, count in stale.items():
        print(f"{name}: {count} of 10 stale")


if __name__ == "__main__":
    main()
