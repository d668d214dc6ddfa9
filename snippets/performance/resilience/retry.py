# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Retries in one layer: only lost connections and timeouts, only commands that may be repeated, until a deadline."""

# mypy: disable-error-code="no-untyped-call"
import os
import random
import time
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


# --8<-- [start:repeatable]
READS = {"GET", "MGET", "EXISTS", "TTL", "HGET", "HGETALL", "SMEMBERS", "ZRANGE"}
LAST_WINS = {"DEL", "UNLINK"}  # as SET: the second try undoes what others wrote


def may_be_repeated(name: str, *args: Any) -> bool:
    """Tell whether a command whose reply was lost may be sent again."""
    if name == "SET":  # plain, or with a TTL: not NX, XX or GET
        return len(args) == 2 or (len(args) == 4 and args[2] in ("EX", "PX"))
    return name in READS or name in LAST_WINS


# --8<-- [end:repeatable]


# --8<-- [start:retry]
WAIT = 0.2  # seconds to wait for a connection, and again for an answer
DEADLINE = 1.5  # seconds in which the last try must be able to end
BASE, CAP = 0.02, 0.3  # seconds between two tries: from, and up to


class RetryingRedis(redis.Redis):
    def execute_command(self, *args: Any, **options: Any) -> Any:
        if may_be_repeated(*args):
            return self.repeat(*args, **options)
        return super().execute_command(*args, **options)  # one try

    def repeat(self, *args: Any, **options: Any) -> Any:
        deadline, ceiling = time.monotonic() + DEADLINE, BASE
        while True:
            try:
                return super().execute_command(*args, **options)
            except redis.RedisError as error:
                if kind_of(error) != AWAY:
                    raise  # refused, busy, a mistake: no wait mends it
                pause = random.uniform(0, ceiling)  # full jitter spreads callers
                if time.monotonic() + pause + 2 * WAIT > deadline:
                    raise  # no time for another try that finds nobody there
                if isinstance(error, ReadOnlyError):  # its address may have moved
                    self.connection_pool.disconnect(inuse_connections=False)
            time.sleep(pause)
            ceiling = min(CAP, ceiling * 2)


# --8<-- [end:retry]


# --8<-- [start:connect]
def connect(url: str) -> RetryingRedis:  # differs: a client that repeats
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,
        timeout=0.5,  # s to wait for one of them; then the process is busy
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=WAIT,
        socket_timeout=WAIT,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # said, not assumed: one layer
    )
    return RetryingRedis(connection_pool=pool)


# --8<-- [end:connect]


# --8<-- [start:once]
SEEN = 60  # seconds; longer than any caller goes on repeating
COUNT_ONCE = """
if redis.call('EXISTS', KEYS[2]) == 1 then
  return redis.call('GET', KEYS[1]) or '0'
end
local count = redis.call('INCR', KEYS[1])
redis.call('SET', KEYS[2], '', 'EX', ARGV[1])
return count
"""


def count_once(cache: RetryingRedis, name: str, request: str) -> int:
    """Count a request once, however often it is sent. Return the count as it is."""
    counter = f"counter:{name}"
    seen = f"seen:{{{counter}}}:{request}"  # the braces keep both keys in one slot
    return int(cache.repeat("EVAL", COUNT_ONCE, 2, counter, seen, SEEN))


# --8<-- [end:once]


HOLD = "local stop = os.clock() + 0.6 repeat until os.clock() >= stop"  # no command runs meanwhile


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    cache, admin = connect(url), redis.Redis.from_url(url, socket_timeout=20)
    admin.delete("demo:name", "counter:orders", "seen:{counter:orders}:request-7")
    admin.set("demo:name", "Ada", ex=60)

    admin.client_pause(300, all=True)  # milliseconds in which no client gets an answer
    print("GET, no answer at first:", cache.get("demo:name"))
    admin.client_pause(300, all=True)
    print("SET, no answer at first:", "stored" if cache.set("demo:name", "Grace", ex=60) else "not stored")

    holder = admin.connection_pool.get_connection()
    holder.send_command("EVAL", HOLD, 0)
    time.sleep(0.1)  # it runs now
    try:
        cache.incr("counter:orders")
    except redis.TimeoutError:
        print("INCR, no answer: an error, not repeated")
    holder.read_response()
    print("counter when Redis answers again:", cache.get("counter:orders"))

    print("INCR by request 7:", count_once(cache, "orders", "request-7"))
    print("INCR by request 7, sent again:", count_once(cache, "orders", "request-7"))


if __name__ == "__main__":
    main()
