# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A cache stampede: 50 readers miss the same key together, and all 50 load it. Do not copy it."""

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis

Load = Callable[[str], Any]


# --8<-- [start:read]
def bestsellers(cache: redis.Redis, load: Load, category: str) -> Any:
    key = f"cache:bestsellers:{category}"
    cached: Any = cache.get(key)
    if cached is not None:
        return json.loads(cached)

    titles = load(category)  # so does everyone until the first SET
    cache.set(key, json.dumps(titles), ex=3600)
    return titles


# --8<-- [end:read]


def main() -> None:
    cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete("cache:bestsellers:scifi")  # left by an earlier run
    loads = []
    together = threading.Barrier(50)

    def load(category: str) -> list[str]:
        loads.append(category)
        together.wait(10)  # a slow query: all readers have missed before it answers
        return ["Dune", "Solaris"]

    with ThreadPoolExecutor(50) as readers:
        list(readers.map(lambda _: bestsellers(cache, load, "scifi"), range(50)))
    print(f"50 readers of a cold key, loads: {len(loads)}")
    with ThreadPoolExecutor(50) as readers:
        list(readers.map(lambda _: bestsellers(cache, load, "scifi"), range(50)))
    print(f"50 readers of a warm key, loads: {len(loads) - 50}")


if __name__ == "__main__":
    main()
