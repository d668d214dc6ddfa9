# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Invalidate many keys at once: a generation is part of their names, and a write replaces it."""

import json
import os
import random
import uuid
from collections import Counter
from collections.abc import Callable
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


def jitter(ttl: int) -> int:
    """Spread expiries over ±10 %: keys written together expire apart."""
    return round(ttl * random.uniform(0.9, 1.1))


class Listings:
    """The pages of a category, as many as there are: nobody keeps a list of them."""

    def __init__(self, cache: redis.Redis, load: Callable[[str, int], list[str]]) -> None:
        self.cache, self.load = cache, load
        self.stats: Counter[str] = Counter()

    # --8<-- [start:generation]
    def generation(self, category: str) -> str:
        """Return the one in force. If it is lost, a new one begins, no old one."""
        fresh = uuid.uuid4().hex
        key = f"cache:generation:{category}"
        known = self.cache.set(key, fresh, nx=True, get=True, ex=jitter(86_400))
        return str(known or fresh)

    def invalidate(self, category: str) -> bool:
        """Call it after the commit. False: Redis is down, and only the TTL is left."""
        key, fresh = f"cache:generation:{category}", uuid.uuid4().hex
        return bool(self.try_cache(self.cache.set, key, fresh, ex=jitter(86_400)))

    # --8<-- [end:generation]

    # --8<-- [start:read]
    def get(self, category: str, page: int) -> list[str]:
        generation = self.try_cache(self.generation, category)  # before the load
        if generation is None:
            return self.load(category, page)
        key = f"cache:listing:{category}:{generation}:{page}"
        cached = self.try_cache(self.cache.get, key)
        if cached is not None:
            return list(json.loads(cached))

        found = self.load(category, page)
        self.try_cache(self.cache.set, key, json.dumps(found), ex=jitter(600))
        return found

    # --8<-- [end:read]

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Run a cache command. If Redis is down or slow, count that and answer None."""
        try:
            return command(*args, **options)
        except redis.AuthenticationError:
            raise  # a ConnectionError by class, but waiting mends no password
        except (redis.ConnectionError, redis.TimeoutError):
            self.stats["cache errors"] += 1
            return None


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
