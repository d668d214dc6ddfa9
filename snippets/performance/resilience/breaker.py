# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A circuit breaker: after some failures in a row it answers from a fallback, and lets one probe find Redis again."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, MaxConnectionsError
from redis.retry import Retry

T = TypeVar("T")
Clock = Callable[[], float]


def connect(url: str, wait: float = 0.2) -> redis.Redis:  # differs: shorter waits
    """Make a client that fails fast: one try. `wait`: seconds for the connection, and again for an answer."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=wait,
        socket_timeout=wait,
        retry=Retry(NoBackoff(), retries=0),
    )


# --8<-- [start:states]
class CircuitBreaker:
    """Closed, open, or half-open: open, and a probe is on its way."""

    def __init__(self, limit: int, wait: float, clock: Clock = monotonic) -> None:
        self.limit, self.wait, self.clock = limit, wait, clock  # wait in seconds
        self.lock = threading.Lock()
        self.failures = 0  # in a row
        self.opened: float | None = None
        self.probe: object = None  # the call that is the probe

    def admit(self, call: object) -> bool:
        with self.lock:
            if self.opened is None:
                return True
            if self.probe or self.clock() - self.opened < self.wait:
                return False
            self.probe = call
            return True

    # --8<-- [end:states]

    # --8<-- [start:results]
    def answered(self, call: object) -> None:
        with self.lock:
            if self.opened is None:
                self.failures = 0
            elif self.probe is call:  # not a late answer to an older call
                self.failures, self.opened, self.probe = 0, None, None

    def failed(self, call: object) -> None:  # differs: a breaker's
        with self.lock:
            self.failures += 1
            trips = self.opened is None and self.failures >= self.limit
            if trips or self.probe is call:
                self.opened = self.clock()

    def done(self, call: object) -> None:
        with self.lock:
            if self.probe is call:
                self.probe = None  # whatever became of it, the next one may go

    # --8<-- [end:results]

    # --8<-- [start:call]
    def call(self, command: Callable[[], T], fallback: Callable[[], T]) -> T:
        """Run a command. While Redis is away, answer from the fallback instead."""
        call = object()
        if not self.admit(call):
            return fallback()  # at once: nothing is sent
        try:
            result = command()
        except MaxConnectionsError:
            pass  # our own pool is used up: nobody has asked Redis
        except redis.AuthenticationError:
            raise  # a ConnectionError by class, but waiting mends no password
        except (redis.ConnectionError, redis.TimeoutError, ClusterDownError):
            self.failed(call)  # differs: a full pool is no outage, a cluster's is
        except redis.ResponseError:
            self.answered(call)  # our mistake, and proof that Redis is there
            raise
        else:
            self.answered(call)
            return result
        finally:
            self.done(call)
        return fallback()

    # --8<-- [end:call]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), wait=0.5)
    cache.set("demo:name", "Ada from Redis", ex=60)
    breaker, calls = CircuitBreaker(limit=3, wait=2.5), Counter[str]()

    def ask() -> str:
        calls["sent to Redis"] += 1
        return str(cache.get("demo:name"))

    def read() -> str:
        return breaker.call(ask, fallback=lambda: "Ada from the database")

    print("Redis is well:", read())
    cache.client_pause(3000, all=True)  # milliseconds in which no client gets an answer
    calls.clear()
    for _ in range(1000):
        read()
    print(f"Redis does not answer, 1000 reads: {calls['sent to Redis']} sent to Redis")
    print("one of them:", read())
    time.sleep(3)
    print("after the wait:", read())


if __name__ == "__main__":
    main()
