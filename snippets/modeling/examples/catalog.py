# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A product catalog: a hash for each product, sets to find it by, and what is popular today."""

import json
import logging
import os
import time
from collections import Counter
from datetime import date
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
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
        retry=Retry(NoBackoff(), retries=0),  # a repeated command would count twice
    )
    return redis.Redis.from_pool(pool)


AWAY, REFUSED, BUSY, MISTAKE = "cache errors", "refused writes", "busy", "mistakes"
PASSING = redis.ConnectionError, redis.TimeoutError, ReadOnlyError, TryAgainError


def kind_of(error: Exception) -> str:  # differs: a pipeline's errors say which command first
    """What an error of Redis or its client means to us."""
    text = str(error).rpartition(" caused error: ")[2]
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


# --8<-- [start:perform]
def perform(cache: redis.Redis, command: Any, *args: Any, **options: Any) -> Any:
    """Redis alone has this, so whatever fails is the caller's to know."""
    try:
        return command(*args, **options)
    except redis.ReadOnlyError:  # its address may lead elsewhere now
        cache.connection_pool.disconnect(inuse_connections=False)
        raise


# --8<-- [end:perform]


# --8<-- [start:model]
class Product(NamedTuple):
    id: str
    name: str
    price_cents: int
    category: str
    tags: frozenset[str] = frozenset()


def indexes(category: str | None, tags: str | None) -> set[str]:
    """Name the sets that hold a product of this category with these tags."""
    names = {f"tag:{tag}:products" for tag in json.loads(tags or "[]")}
    return names | ({f"category:{category}"} if category else set())


# --8<-- [end:model]


# --8<-- [start:save]
def save(cache: redis.Redis, product: Product) -> None:
    """Change the product and every set that names it, all in one MULTI."""
    key = f"product:{product.id}"
    fields: Any = {**product._asdict(), "tags": json.dumps(sorted(product.tags))}

    def change(pipe: Pipeline) -> None:
        found: Any = pipe.hmget(key, "category", "tags")  # answers at once
        pipe.multi()  # from here on, commands wait for EXEC
        before, after = indexes(*found), indexes(product.category, fields["tags"])
        pipe.hset(key, mapping=fields)
        for index in sorted(before - after):
            pipe.srem(index, product.id)
        for index in sorted(after):
            pipe.sadd(index, product.id)

    # WATCH: again whenever somebody changed it meanwhile; there is no limit
    perform(cache, cache.transaction, change, key)


# --8<-- [end:save]


# --8<-- [start:find]
DAY = 86_400  # seconds


def find(cache: redis.Redis, *names: str) -> list[str]:
    """Return the ids that all of these sets hold."""
    return sorted(perform(cache, cache.sinter, list(names)))


# --8<-- [end:find]


class Popular:
    """What is viewed most. Nobody should miss a page because it is not known."""

    def __init__(self, cache: redis.Redis) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache = cache
        self.stats: Counter[str] = Counter()

    # --8<-- [start:popular]
    def viewed(self, product_id: str, day: date) -> None:
        """Count a view. While Redis is away, it is lost."""
        key = f"popular:products:{day.isoformat()}"
        with self.cache.pipeline(transaction=True) as count:
            count.zincrby(key, 1, product_id)
            count.expire(key, 8 * DAY, nx=True)  # set once, never put off
            self.tell_cache(count.execute)

    def popular(self, day: date, number: int) -> Any:
        """Return the ids most viewed, the first first; none while Redis is away."""
        if number < 1:
            return []  # an end of -1 would mean all of them
        key = f"popular:products:{day.isoformat()}"
        return self.try_cache(self.cache.zrange, key, 0, number - 1, desc=True) or []

    # --8<-- [end:popular]

    def try_cache(self, command: Any, *args: Any, **options: Any) -> Any:
        """Ask. If Redis is away, count that and answer None; a mistake surfaces."""
        try:
            return command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) in (MISTAKE, BUSY):
                raise
            return None

    def tell_cache(self, command: Any, *args: Any, **options: Any) -> None:
        """Tell. The caller has its row or its commit, whatever Redis answers."""
        try:
            command(*args, **options)
        except (redis.RedisError, RedisClusterException) as error:
            if self.failed(error) == MISTAKE:
                log.exception("a mistake that no outage excuses")

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
    cache, day = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")), date(2026, 11, 24)
    cache.delete("product:1001", "product:1002", "category:electronics", "category:sale", "tag:gaming:products")
    cache.delete(f"popular:products:{day.isoformat()}")
    save(cache, Product("1001", "Laptop", 99_999, "electronics", frozenset({"gaming"})))
    save(cache, Product("1002", "Phone", 59_999, "electronics"))
    print("electronics:", find(cache, "category:electronics"))
    print("electronics for gaming:", find(cache, "category:electronics", "tag:gaming:products"))

    save(cache, Product("1001", "Laptop", 79_999, "sale", frozenset({"gaming"})))
    print("after the move, electronics:", find(cache, "category:electronics"), "sale:", find(cache, "category:sale"))

    views = Popular(cache)
    for product_id in ("1001", "1002", "1002"):
        views.viewed(product_id, day)
    print("popular:", views.popular(day, 10))


if __name__ == "__main__":
    main()
