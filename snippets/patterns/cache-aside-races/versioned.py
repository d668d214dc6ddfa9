# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Cache-aside with versions: Redis refuses a value that is older than what it has seen, so no late reader wins."""

import json
import logging
import os
import random
import sqlite3
import time
from collections import Counter
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

TTL, MISSING_TTL, MISSING = 3600, 60, "missing"  # a missing product has version 0

# --8<-- [start:script]
TOMBSTONE_TTL = 60  # seconds; a store that comes 30 after its question is refused
ASK = "return {redis.call('HGET', KEYS[1], 'data'), redis.call('TIME')[1]}"

STORE = """
local stored = tonumber(redis.call('HGET', KEYS[1], 'version'))
if stored and stored > tonumber(ARGV[1]) then return 0 end
if ARGV[3] and redis.call('TIME')[1] - ARGV[3] > 30 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 4))
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""  # ARGV: version, TTL; of a reader also its time, 'data', the data
# --8<-- [end:script]


@dataclass(frozen=True)
class Product:
    id: str
    name: str
    price: int


def product_key(product_id: str) -> str:
    return f"cache:product:{product_id}"


class Products:
    def __init__(self, cache: redis.Redis, db: sqlite3.Connection) -> None:
        self.hung = -2.0  # when Redis last did not answer, by the monotonic clock
        self.cache, self.db = cache, db
        self.stats: Counter[str] = Counter()

    # --8<-- [start:read]
    def get(self, product_id: str) -> Product | None:
        data, asked = self.ask(product_id)
        if data == MISSING:
            return None
        if data is not None and (product := self.decode(data)):
            return product  # a tombstone has no data, so it is a miss
        version, product = self.load(product_id)
        self.store(product_id, version, product, asked)
        return product

    def load(self, product_id: str) -> tuple[int, Product | None]:
        self.stats["database reads"] += 1
        query = "SELECT version, id, name, price FROM products WHERE id = ?"
        row = self.db.execute(query, (product_id,)).fetchone()
        return (0, None) if row is None else (row[0], Product(*row[1:]))

    def store(self, product_id: str, version: int, product: Any, asked: Any) -> bool:
        if asked is None:
            return False  # Redis did not answer
        data = MISSING
        if product is not None:
            data = json.dumps(asdict(product), separators=(",", ":"))
        ttl = round((TTL if product else MISSING_TTL) * random.uniform(0.9, 1.1))
        return self.put(product_key(product_id), version, ttl, asked, "data", data)

    # --8<-- [end:read]

    def ask(self, product_id: str) -> Any:
        """What is stored, and when we asked, by the clock of Redis."""
        key = product_key(product_id)
        return self.try_cache(self.cache.eval, ASK, 1, key) or (None, None)

    def decode(self, data: str) -> Product | None:  # differs: a product has a number
        with suppress(ValueError, TypeError, RecursionError):
            product = Product(**json.loads(data))
            texts = isinstance(product.id, str) and isinstance(product.name, str)
            if texts and type(product.price) is int:
                return product
        self.stats["corrupt values"] += 1
        return None

    # --8<-- [start:write]
    def save(self, product: Product) -> None:
        upsert = """INSERT INTO products VALUES (?, ?, ?, 1) ON CONFLICT (id) DO UPDATE
                    SET name = excluded.name, price = excluded.price,
                        version = version + 1 RETURNING version"""
        values = (product.id, product.name, product.price)
        with self.db:  # commits, or rolls back and raises
            (version,) = self.db.execute(upsert, values).fetchone()
        self.put(product_key(product.id), version, TOMBSTONE_TTL)  # after the commit

    def put(self, key: str, *arguments: Any) -> bool:
        """Whether it was stored; not if Redis holds a newer version, or is down."""
        said: list[Any] = []
        self.tell_cache(lambda: said.append(self.cache.eval(STORE, 1, key, *arguments)))
        return said == [1]

    # --8<-- [end:write]

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
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(product_key("1"))  # left by an earlier run
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER)")
    products = Products(cache, db)
    said = {True: "accepted", False: "refused"}
    products.save(Product("1", "Tea", 450))
    _, asked = products.ask("1")
    version, old = products.load("1")
    print(f"a slow reader has loaded version {version}, {old and old.price} cents")
    products.save(Product("1", "Tea", 475))
    print("a writer commits and leaves version", *cache.hmget(product_key("1"), "version"), end=", no data\n")
    print("the slow reader's store:", said[products.store("1", version, old, asked)])
    print(f"next read: {(now := products.get('1')) and now.price} cents")
    cache.delete(product_key("1"))
    print("after a DEL, the same store:", said[products.store("1", version, old, asked)])
    print(f"next read: {(now := products.get('1')) and now.price} cents")


if __name__ == "__main__":
    main()
