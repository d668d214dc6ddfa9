# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Read-through: a cache that owns its loader, so that callers ask one object and never see the database."""

import json
import logging
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import redis
from redis import OutOfMemoryError, ReadOnlyError
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, MaxConnectionsError, RedisClusterException, TryAgainError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cart:
    id: str
    items: dict[str, int]  # how many, by product


Loader = Callable[[str], Cart | None]


# --8<-- [start:cache]
class CartCache:
    """Carts, wherever they come from. All policy of caching them is in here."""

    TTL, MISSING_TTL, MISSING = 3600, 60, "missing"

    def __init__(self, cache: redis.Redis, load: Loader) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.load = cache, load
        self.stats: Counter[str] = Counter()

    def get(self, cart_id: str) -> Cart | None:
        cached = self.try_cache(self.cache.get, self.key(cart_id))
        if cached == self.MISSING:
            return None
        if cached is not None and (cart := self.decode(cached)):
            return cart
        self.stats["loads"] += 1
        cart = self.load(cart_id)  # may raise: then nothing is stored
        ttl = (self.TTL if cart else self.MISSING_TTL) * random.uniform(0.9, 1.1)
        if value := self.encode(cart) if cart else self.MISSING:
            self.tell_cache(self.cache.set, self.key(cart_id), value, ex=round(ttl))
        return cart

    def forget(self, cart_id: str) -> None:
        """Whoever writes the database calls this after the commit."""
        self.tell_cache(self.cache.delete, self.key(cart_id))

    # --8<-- [end:cache]

    def encode(self, cart: Cart) -> str | None:
        """A cart as JSON, if it comes back as it went in: no Decimal, date or NaN does."""
        with suppress(ValueError, TypeError, RecursionError):
            value = json.dumps(asdict(cart), separators=(",", ":"))
            if Cart(**json.loads(value)) == cart:
                return value
        self.stats["not stored"] += 1
        return None

    @staticmethod
    def key(cart_id: str) -> str:
        return f"cache:cart:{cart_id}"

    def decode(self, cached: str) -> Cart | None:  # differs: a cart's items are counts
        with suppress(ValueError, TypeError, AttributeError, RecursionError):
            cart = Cart(**json.loads(cached))
            if isinstance(cart.id, str) and all(type(count) is int for count in cart.items.values()):
                return cart
        self.stats["corrupt values"] += 1
        return None

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


# --8<-- [start:wiring]
def make_carts(cache: redis.Redis, db: sqlite3.Connection) -> CartCache:
    """The one place that knows both stores; all others get what it returns."""

    def load(cart_id: str) -> Cart | None:
        query = "SELECT product_id, quantity FROM cart_items WHERE cart_id = ?"
        items = dict(sorted(db.execute(query, (cart_id,)).fetchall()))
        return Cart(cart_id, items) if items else None

    return CartCache(cache, load)


def describe(carts: CartCache, cart_id: str) -> str:
    cart = carts.get(cart_id)  # no Redis and no SQL here
    return "no such cart" if cart is None else f"{sum(cart.items.values())} items"


# --8<-- [end:wiring]


def connect(url: str) -> redis.Redis:
    """Make the one client that the whole process shares. Times are in seconds."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",  # what is no text fails in decode, not in GET
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # the database is the second try
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


def main() -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE cart_items (cart_id TEXT, product_id TEXT, quantity INTEGER)")
    db.execute("INSERT INTO cart_items VALUES ('7', 'tea', 2), ('7', 'cup', 1)")
    carts = make_carts(connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")), db)
    for cart_id in ("7", "8"):
        carts.forget(cart_id)  # left by an earlier run

    def show(step: str, cart_id: str) -> None:
        print(f"{step}: {describe(carts, cart_id)}, loads: {carts.stats['loads']}")

    show("first read", "7")
    show("second read", "7")
    with db:
        db.execute("UPDATE cart_items SET quantity = 5 WHERE cart_id = '7' AND product_id = 'tea'")
    show("after a write that told nobody", "7")
    carts.forget("7")
    show("after forget", "7")
    show("missing cart", "8")
    show("missing cart again", "8")


if __name__ == "__main__":
    main()
