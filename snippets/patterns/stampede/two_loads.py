# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A lock without the second look: the one schedule in which two readers load. Do not copy it: lock.py is mended."""

import json
import os
import time
import uuid
from collections.abc import Callable
from typing import Any

import redis

Load = Callable[[str], Any]
RELEASE = """if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1]) end
return 0"""


# --8<-- [start:read]
def bestsellers(cache: Any, load: Load, category: str, pause: Any) -> Any:
    key = f"cache:bestsellers:{category}"
    lock = f"lock:bestsellers:{category}"
    cached: Any = None
    while (cached := cache.get(key)) is None:
        pause()  # a slow network, a busy processor: any reader can be late
        token = uuid.uuid4().hex
        if cache.set(lock, token, nx=True, px=5000):
            titles = load(category)
            cache.set(key, json.dumps(titles), ex=3600)
            cache.eval(RELEASE, 1, lock, token)
            return titles
        time.sleep(0.02)
    return json.loads(cached)


# --8<-- [end:read]


def main() -> None:
    cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete("cache:bestsellers:scifi", "lock:bestsellers:scifi")  # left by an earlier run
    loads = []

    def loader(name: str) -> Load:
        def load(_: str) -> Any:
            loads.append(name)
            print(f"{name} has the lock, and loads")
            return ["Dune", "Solaris"]

        return load

    def second_reader() -> None:
        print("the first reader has missed, and is slow")
        bestsellers(cache, loader("the second reader"), "scifi", pause=lambda: None)
        print("the second reader has stored, and released the lock")

    bestsellers(cache, loader("the first reader"), "scifi", pause=second_reader)
    print(f"loads: {len(loads)}")


if __name__ == "__main__":
    main()
