# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""How retries are often written, failing in four ways. Do not copy it: retry.py is the mended one."""

# mypy: disable-error-code="name-defined, no-untyped-call"
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry


# --8<-- [start:wrapper]
def with_retry(operation: Callable[[], Any], max_retries: int = 3) -> Any:
    for attempt in range(max_retries):
        try:
            return operation()
        except (ConnectionError, TimeoutError):  # differs: what not to do
            if attempt == max_retries - 1:
                raise
            wait_time = (2**attempt) + random.uniform(0, 1)
            time.sleep(wait_time)


# --8<-- [end:wrapper]


class Counting(redis.Connection):
    """A connection that counts how often it tries to connect."""

    tries = 0

    def _connect(self) -> Any:
        Counting.tries += 1
        return super()._connect()


class Lossy(redis.Connection):
    """A connection that breaks, twice, after Redis has run an INCR (INCRBY by name) and before its reply is here."""

    left, last = 2, ""

    def send_command(self, *args: Any, **options: Any) -> None:
        super().send_command(*args, **options)
        self.last = args[0]

    def read_response(self, *args: Any, **options: Any) -> Any:
        reply = super().read_response(*args, **options)
        if self.last == "INCRBY" and Lossy.left:
            Lossy.left -= 1
            self.disconnect()
            raise ConnectionError("Connection closed by server.")
        return reply


def main() -> None:
    nothing_listens_here = redis.ConnectionPool(
        connection_class=Counting, host="127.0.0.1", port=1, retry=Retry(NoBackoff(), retries=10)
    )
    dead = redis.Redis(connection_pool=nothing_listens_here)

    try:
        with_retry(lambda: dead.get("user:1"))
    except Exception as error:
        print(f"1. Redis is down: {type(error).__name__}: {error}")

    print("2. max_retries=0:", with_retry(lambda: dead.get("user:1"), max_retries=0))

    global random
    import random  # forgotten above; here, so that the rest can be seen

    Counting.tries = 0
    with patch("time.sleep") as sleep, suppress(ConnectionError):
        with_retry(lambda: dead.get("user:1"))
    print(f"3. three tries, each with ten built-in retries: {Counting.tries} attempts, {sleep.call_count} long waits")

    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    pool = redis.ConnectionPool.from_url(url, connection_class=Lossy, retry=Retry(NoBackoff(), retries=3))
    cache = redis.Redis(connection_pool=pool)
    cache.delete("counter:orders")
    cache.incr("counter:orders")
    print("4. one INCR, two replies lost, built-in retries:", int(cache.get("counter:orders") or 0))


if __name__ == "__main__":
    main()
