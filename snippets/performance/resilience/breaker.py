# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A circuit breaker: when too many of the last calls fail, a fallback answers, and one probe finds Redis again."""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

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

T = TypeVar("T")
Clock = Callable[[], float]


def connect(url: str, wait: float = 0.2) -> redis.Redis:  # differs: shorter waits
    """Make a client that fails fast: one try. `wait`: seconds for the connection, and again for an answer."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,
        timeout=2,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=wait,
        socket_timeout=wait,
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


# --8<-- [start:states]
class CircuitBreaker:
    """Closed, open, or half-open: open, and a probe is on its way."""

    def __init__(
        self,
        limit: int,
        wait: float,
        window: int = 10,
        clock: Clock = monotonic,
    ) -> None:
        self.limit, self.wait, self.clock = limit, wait, clock  # wait in seconds
        self.lock = threading.Lock()
        self.failures: deque[bool] = deque(maxlen=window)  # which of the last calls
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
                self.failures.append(False)
            elif self.probe is call:  # not a late answer to an older call
                self.opened, self.probe = None, None
                self.failures.clear()

    def unanswered(self, call: object) -> None:
        with self.lock:
            self.failures.append(True)
            trips = self.opened is None and sum(self.failures) >= self.limit
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
        except (redis.RedisError, RedisClusterException) as error:
            if kind_of(error) != AWAY:  # refused, our mistake, or our pool is used up
                if isinstance(error, redis.ResponseError):
                    self.answered(call)  # an error, and proof that Redis is there
                raise
            self.unanswered(call)
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
