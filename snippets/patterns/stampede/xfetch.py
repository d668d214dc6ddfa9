# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""XFetch: each read draws lots whether to load early; the dearer the load and the nearer the end, the likelier."""

import itertools
import json
import logging
import math
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

Rng = Callable[[], float]  # like random.random: from 0 up to, never including, 1
TTL = 60  # seconds until a value expires
LOCK_TTL = 10  # seconds: longer than a load
RELEASE = """if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1]) end
return 0"""


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), retries=0),
    )


def keys(category: str) -> tuple[str, str]:
    return f"cache:trending:{category}", f"lock:trending:{category}"


# --8<-- [start:lots]
class Entry(NamedTuple):
    value: Any
    delta: float  # seconds that the last load took
    expiry: float


def is_due(entry: Entry, now: float, rng: Rng, beta: float = 1) -> bool:
    """Draw lots: load now? A beta above 1 loads earlier, one below 1 later."""
    u = 1.0 - rng()  # rng() may be 0, which has no logarithm; u never is
    return now - entry.delta * beta * math.log(u) >= entry.expiry


# --8<-- [end:lots]


class Trending:
    def __init__(self, cache: redis.Redis, load: Callable[[str], Any]) -> None:
        self.cache, self.load = cache, load
        self.now, self.rng = time.time, random.random
        self.stats, self.counting = Counter[str](), threading.Lock()

    # --8<-- [start:read]
    def get(self, category: str) -> Any:
        entry = self.try_cache(self.look, category)
        if entry is None:  # a cold key: this caller waits, like everyone beside it
            return self.load_and_store(category)
        if is_due(entry, self.now(), self.rng) and (token := self.try_lock(category)):
            try:
                newest = self.try_cache(self.look, category)
                if newest is None or newest.expiry <= entry.expiry:
                    return self.load_and_store(category)
            except Exception:  # the value at hand has not expired yet
                logging.exception("early load of trending %s", category)
            finally:
                self.try_cache(self.release, category, token)
        return entry.value

    # --8<-- [end:read]

    # --8<-- [start:store]
    def look(self, category: str) -> Entry | None:
        got: Any = self.cache.hgetall(keys(category)[0])
        return Entry(*(json.loads(got[n]) for n in Entry._fields)) if got else None

    def load_and_store(self, category: str) -> Any:
        started = self.now()
        value = self.load(category)
        now, (key, _) = self.now(), keys(category)
        fields = [json.dumps(value), now - started, now + TTL]
        self.try_cache(self.store, key, fields)
        return value

    def store(self, key: str, fields: list[Any]) -> None:
        both = self.cache.pipeline(transaction=True)  # never one without the other
        both.hset(key, mapping=dict(zip(Entry._fields, fields, strict=True)))
        both.expire(key, TTL)
        both.execute()

    # --8<-- [end:store]

    def try_lock(self, category: str) -> str | None:
        token = uuid.uuid4().hex
        take = partial(self.cache.set, keys(category)[1], token, nx=True, px=LOCK_TTL * 1000)
        return token if self.try_cache(take) else None

    def release(self, category: str, token: str) -> None:
        self.cache.eval(RELEASE, 1, keys(category)[1], token)

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
    rng, entry = random.Random(3600).random, Entry("", delta=1, expiry=1)
    for beta in (0.5, 1, 2):
        early = sum(is_due(entry, 0, rng, beta) for _ in range(100_000)) / 100_000
        print(f"delta before expiry, beta {beta}: {early:.1%} load early, the formula says {math.exp(-1 / beta):.1%}")

    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(*keys("scifi"))  # left by an earlier run
    loads = itertools.count(1)
    trending = Trending(cache, lambda _: f"load {next(loads)}")
    print("cold:", trending.get("scifi"))
    trending.now = lambda: time.time() + TTL  # as if its time were up
    print("at the end of its time:", trending.get("scifi"))


if __name__ == "__main__":
    main()
