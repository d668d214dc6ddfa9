# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""How a circuit breaker is often written, failing in four ways. Do not copy it: breaker.py is the mended one."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import redis


class NaiveBreaker:
    def __init__(self, failure_threshold: int = 5, timeout: float = 60) -> None:
        self.failure_count, self.failure_threshold = 0, failure_threshold
        self.last_failure_time, self.timeout = 0.0, timeout
        self.state = "CLOSED"

    # --8<-- [start:call]
    def call(self, operation: Callable[[], Any]) -> Any:
        if self.state == "OPEN":
            if time.time() - self.last_failure_time > self.timeout:
                self.state = "HALF_OPEN"
            else:
                raise Exception("Circuit breaker is OPEN")
        try:
            result = operation()
            if self.state == "HALF_OPEN":
                self.state = "CLOSED"
                self.failure_count = 0
            return result
        except Exception:
            self.failure_count += 1
            self.last_failure_time = time.time()
            if self.failure_count >= self.failure_threshold:
                self.state = "OPEN"
            raise

    # --8<-- [end:call]


def main() -> None:
    cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    dead = redis.Redis.from_url("redis://127.0.0.1:1")  # nothing listens there
    cache.set("demo:text", "Ada", ex=60)

    breaker = NaiveBreaker()
    for number in range(1, 5001):
        breaker.call(lambda: cache.get("demo:text"))
        if number % 1000 == 0:
            with suppress(redis.ConnectionError):
                breaker.call(lambda: dead.get("demo:text"))
    print("1. 5 failures, 5000 successes:", breaker.state)

    breaker = NaiveBreaker()
    for _ in range(5):
        with suppress(redis.ResponseError):
            breaker.call(lambda: cache.lpush("demo:text", "a bug of ours, Redis is well"))
    print("2. 5 application errors:", breaker.state)
    try:
        breaker.call(lambda: cache.get("demo:text"))
    except Exception as error:
        print(f"3. a read while it is open: {type(error).__name__}: {error}")

    breaker.timeout = 0
    inside = threading.Barrier(51)  # nobody leaves before all 50 have come in
    with ThreadPoolExecutor(50) as callers:
        probes = [callers.submit(breaker.call, lambda: inside.wait(10)) for _ in range(50)]
        inside.wait(10)
    print(f"4. half-open, 50 callers at once: {sum(probe.exception() is None for probe in probes)} go through")


if __name__ == "__main__":
    main()
