# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Single flight in one process: callers that ask for the same key while it is being read share that one read."""

import json
import os
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),
    )


def cache_key(category: str) -> str:
    return f"cache:bestsellers:{category}"


def jitter(ttl: int) -> int:
    return round(ttl * random.uniform(0.9, 1.1))


# --8<-- [start:flight]
class SingleFlight:
    def __init__(self) -> None:
        self.flights: dict[str, Future[Any]] = {}
        self.lock = threading.Lock()

    def do(self, key: str, work: Callable[[], Any]) -> Any:
        """Do the work for a key, or wait for whoever does it."""
        with self.lock:
            flight = self.flights.get(key)
            if mine := flight is None:
                flight = self.flights[key] = Future()
        if mine:
            try:
                flight.set_result(work())
            except BaseException as error:
                flight.set_exception(error)  # for all who wait
            finally:
                with self.lock:
                    del self.flights[key]
        return flight.result()


# --8<-- [end:flight]


class Bestsellers:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any]) -> None:
        self.cache, self.load = cache, load
        self.flights = SingleFlight()
        self.stats, self.counting = Counter[str](), threading.Lock()

    # --8<-- [start:read]
    def get(self, category: str) -> Any:
        return self.flights.do(category, lambda: self.read(category))

    def read(self, category: str) -> Any:
        """Cache-aside, as ever: GET, load, SET. All three are inside the flight."""
        key = cache_key(category)
        cached = self.try_cache(self.cache.get, key)
        if cached is not None:
            return json.loads(cached)
        titles = self.load(category)
        value, ttl = json.dumps(titles, separators=(",", ":")), jitter(3600)
        self.try_cache(self.cache.set, key, value, ex=ttl)
        return titles

    # --8<-- [end:read]

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:  # differs: threads count, so under a lock
        try:
            return command(*args, **options)
        except redis.AuthenticationError:
            raise
        except (redis.ConnectionError, redis.TimeoutError):
            with self.counting:
                self.stats["cache errors"] += 1
            return None


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(cache_key("scifi"))  # left by an earlier run
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE books AS SELECT 'Dune' AS title, 'scifi' AS category, 9 AS sold")
    loads = []

    def load(category: str) -> list[str]:
        loads.append(category)
        time.sleep(0.2)  # a slow query
        query = "SELECT title FROM books WHERE category = ? ORDER BY sold DESC LIMIT 10"
        return [title for (title,) in db.execute(query, (category,))]

    books = Bestsellers(cache, load)
    with ThreadPoolExecutor(50) as readers:
        answers = list(readers.map(books.get, ["scifi"] * 50))
    print(f"{len(answers)} callers in one process, loads: {len(loads)}")
    books.get("scifi")
    print(f"one caller more, loads: {len(loads)}")


if __name__ == "__main__":
    main()
