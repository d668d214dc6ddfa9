"""That a cold key without protection is loaded by all who miss it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import redis


def test_naive_fifty_readers_load_fifty_times(example: ModuleType, redis_url: str) -> None:
    cache, loads, together = redis.Redis.from_url(redis_url), [], threading.Barrier(50)

    def load(category: str) -> Any:
        loads.append(category)
        together.wait(10)
        return ["Dune"]

    with ThreadPoolExecutor(50) as readers:
        answers = list(readers.map(lambda _: example.bestsellers(cache, load, "scifi"), range(50)))
    assert answers == [["Dune"]] * 50
    assert len(loads) == 50
