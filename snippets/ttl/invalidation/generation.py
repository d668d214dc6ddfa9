# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Invalidate many keys at once: a generation is part of their names, and a write ends it."""

import json
import logging
import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterError,
    MaxConnectionsError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

log = logging.getLogger(__name__)


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),
    )
    return redis.Redis.from_pool(pool)


AWAY, REFUSED, BUSY, MISTAKE = "cache errors", "refused writes", "busy", "mistakes"
PASSING = redis.ConnectionError, redis.TimeoutError, ReadOnlyError, TryAgainError


def kind_of(error: Exception) -> str:
    """What an error of Redis or its client means to us."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or text[:7] in ("MISCONF", "NOREPLI"):
        return REFUSED  # Redis is well, serves reads, and takes no writes
    if isinstance(error, MaxConnectionsError) or text == "No connection available.":
        return BUSY  # our own pool is exhausted: Redis was not asked
    if isinstance(error, redis.AuthenticationError):
        return MISTAKE  # a ConnectionError by class, but waiting mends no password
    if isinstance(error, (*PASSING, ClusterError)) or text[:4] in ("BUSY", "UNBL"):
        return AWAY  # down, slow, starting, failing over, held up by a script
    gone = isinstance(error, RedisClusterException) and "cannot be conn" in text
    return AWAY if gone else MISTAKE  # else MOVED, WRONGTYPE, NOPERM, a bug of ours


def jitter(ttl: int) -> int:
    """Spread expiries over ±10 %: keys written together expire apart."""
    return round(ttl * random.uniform(0.9, 1.1))


class Listings:
    """The pages of a category, as many as there are: nobody keeps a list of them."""

    def __init__(self, cache: redis.Redis, load: Callable[[str, int], list[str]]) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.load = cache, load
        self.stats: Counter[str] = Counter()

    # --8<-- [start:generation]
    def generation(self, category: str) -> str:
        """Return the one in force. If there is none, a new one begins, no old one."""
        key = f"cache:generation:{category}"
        known: Any = self.cache.get(key)
        if known is None:
            fresh = uuid.uuid4().hex  # unless another reader was faster
            known = self.cache.set(key, fresh, nx=True, get=True, ex=jitter(86_400))
            return str(known or fresh)
        return str(known)

    def invalidate(self, category: str) -> bool:
        """Call it after the commit. False: perhaps only the TTL is left."""
        return self.tell_cache(self.cache.unlink, f"cache:generation:{category}")

    # --8<-- [end:generation]

    # --8<-- [start:read]
    def get(self, category: str, page: int) -> list[str]:
        generation = self.try_cache(self.generation, category)  # before the load
        if generation is None:
            return self.load(category, page)
        key = f"cache:listing:{category}:{generation}:{page}"
        cached = self.try_cache(self.cache.get, key)
        if cached is not None and (known := self.decode(cached)) is not None:
            return known

        found = self.load(category, page)
        self.tell_cache(self.cache.set, key, json.dumps(found), ex=jitter(600))
        return found

    # --8<-- [end:read]

    def decode(self, cached: str) -> list[str] | None:  # differs: a page of titles
        """A cached value as titles. Anything else is counted, and is a miss."""
        with suppress(ValueError, RecursionError):  # no JSON
            found = json.loads(cached)
            if isinstance(found, list) and all(isinstance(one, str) for one in found):
                return found
        self.stats["corrupt values"] += 1
        return None

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Ask. If Redis is away, count that and answer None; a mistake surfaces."""
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    def tell_cache(  # differs: says whether Redis did it
        self, command: Any, *args: Any, **options: Any
    ) -> bool:
        """Tell. The caller has its commit, whatever Redis answers."""
        try:
            command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) == MISTAKE:
                log.exception("a mistake that no outage excuses")
            return False
        return True

    def failed(self, error: Exception) -> str:
        kind = kind_of(error)
        if kind == BUSY and time.monotonic() < self.hung + 2:
            kind = AWAY  # the pool is exhausted because Redis hangs
        elif kind == AWAY:
            self.hung = time.monotonic()
        self.stats[kind] += 1
        if isinstance(error, ReadOnlyError):  # its address may lead elsewhere now
            self.cache.connection_pool.disconnect(inuse_connections=False)
        return kind


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    shop = {"scifi": ["Dune", "Solaris"], "crime": ["Gorky Park"]}
    loads = []

    def load(category: str, page: int) -> list[str]:
        loads.append(category)
        return [f"page {page}", *shop[category]]

    listings = Listings(cache, load)
    listings.invalidate("scifi")  # what an earlier run has left is out of reach
    listings.invalidate("crime")

    def show(step: str) -> None:
        for category, page in (("scifi", 1), ("scifi", 2), ("crime", 1)):
            listings.get(category, page)
        print(f"{step}: loads {len(loads)}")

    show("cold")
    show("warm")
    shop["scifi"] = ["Dune", "Solaris", "Ubik"]
    listings.invalidate("scifi")
    show("after a write to scifi")
    print("page 2 of scifi:", listings.get("scifi", 2))


if __name__ == "__main__":
    main()
