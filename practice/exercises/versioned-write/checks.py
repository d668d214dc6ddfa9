"""What the exercise on versioned writes asks for. Each check returns in words what is missing and why, or nothing."""

import itertools
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import redis

from harness.servers import free_port
from practice.program import ProgramError

MUG = {"id": "1", "name": "Mug", "price": 900}


class Watched(redis.Connection):
    """A connection that calls `hook` before it sends a command, or a pipeline at once."""

    hook: Callable[[], None] = staticmethod(lambda: None)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send what redis-py has packed."""
        Watched.hook()
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


class Shop:
    """A student's products over one mug, and an empty Redis."""

    def __init__(self, student: ModuleType, url: str, version: int = 1) -> None:
        pool = redis.ConnectionPool.from_url(url, connection_class=Watched, decode_responses=True)
        self.cache: Any = redis.Redis(connection_pool=pool)
        self.db = sqlite3.connect(":memory:")
        self.db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER)")
        self.db.execute("INSERT INTO products VALUES ('1', 'Mug', 900, ?)", (version,))
        self.db.commit()
        self.key: str = student.product_key("1")
        self.products: Any = student.Products(self.cache, self.db)

    @property
    def row(self) -> tuple[Any, ...] | None:
        """The mug as the database has it, its version last."""
        found: tuple[Any, ...] | None = self.db.execute("SELECT * FROM products WHERE id = '1'").fetchone()
        return found

    @property
    def cached(self) -> tuple[str | None, Any]:
        """The version and the data of the mug as Redis has them."""
        kind = self.cache.type(self.key)
        if kind not in ("hash", "none"):
            raise ProgramError(f"{self.key} should be a hash with the fields `version` and `data`; it is a {kind}.")
        fields: dict[str, str] = self.cache.hgetall(self.key)
        text = fields.get("data")
        try:
            return fields.get("version"), None if text is None else json.loads(text)
        except ValueError:
            raise ProgramError(f"The field `data` should hold the product as JSON; it holds {text!r}.") from None


def shop_of(student: ModuleType, url: str, version: int = 1) -> Shop:
    """Return a shop whose Redis is there, and empty."""
    shop = Shop(student, url, version)
    shop.cache.flushdb()
    return shop


def overtaken(student: ModuleType, url: str, other: Callable[[Any], Any]) -> Iterator[Shop]:
    """Lower the mug's price, and let another writer do all its work before the n-th command that this sends to Redis.

    Yield the shop as it is left, for each n.
    """
    for place in itertools.count():
        shop, sent = shop_of(student, url), 0

        def hook(shop: Shop = shop, place: int = place) -> None:
            nonlocal sent
            if shop.db.in_transaction:
                raise ProgramError(
                    "`update` writes to Redis before the database has committed. If the commit fails, the cache shows "
                    "a price that never was. Commit first."
                )
            sent += 1
            if sent == place + 1:
                other(student.Products(redis.Redis.from_url(url, decode_responses=True), shop.db))

        Watched.hook = hook
        try:
            shop.products.update("1", price=700)
        finally:
            Watched.hook = lambda: None
        if sent <= place:
            return
        yield shop


def an_update_reaches_the_database_and_the_cache(student: ModuleType, url: str) -> str | None:
    """Change both fields."""
    shop, cup = shop_of(student, url), {"id": "1", "name": "Cup", "price": 700}
    found = shop.products.update("1", name="Cup", price=700)
    if shop.row != ("1", "Cup", 700, 2):
        return f"`update` should change name and price and raise the version to 2; the row is {shop.row}."
    if shop.db.in_transaction:
        return "`update` does not commit: nobody else sees the change, and a crash undoes it. Use `with self.db:`."
    if found != cup:
        return f"`update` should return the whole product, {cup}; it returned {found}."
    if shop.cached != ("2", cup):
        return f"The hash {shop.key} should have the version 2 and the product as data; it has {shop.cached}."
    if not 3200 <= shop.cache.ttl(shop.key) <= 4000:
        return f"What `update` stores should live for TTL, an hour; Redis says {shop.cache.ttl(shop.key)} s."
    return None


def a_partial_update_keeps_the_other_fields(student: ModuleType, url: str) -> str | None:
    """Change the price alone, then the name alone; then give the mug away."""
    shop = shop_of(student, url)
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"price": 700}, {"id": "1", "name": "Mug", "price": 700}),
        ({"name": "Cup"}, {"id": "1", "name": "Cup", "price": 700}),
        ({"price": 0}, {"id": "1", "name": "Cup", "price": 0}),
    ]
    for change, expected in steps:
        shop.products.update("1", **change)
        if (shop.row or ())[:3] != tuple(expected.values()):
            return f"After the change {change} the row should be {expected}; it is {shop.row}."
        if shop.cached[1] != expected:
            return (
                f"After the change {change} the database has {expected}, and Redis {shop.cached[1]}. Cache the row as "
                "it is after the update: `RETURNING` gives it to you."
            )
    return None


def a_missing_id_caches_nothing(student: ModuleType, url: str) -> str | None:
    """Change and delete what is not there."""
    shop = shop_of(student, url)
    for missing in ("2", "2' OR '1'='1"):
        found = shop.products.update(missing, price=700), shop.products.delete(missing)
        if shop.row != ("1", "Mug", 900, 1):
            return f"The id {missing!r} changed another product. Make the id a parameter of the query."
        if shop.cache.dbsize():
            return f"There is no product {missing!r}, and now Redis holds {shop.cache.keys()}: a phantom."
        if found != (None, False):
            return f"For a missing id, `update` should return None and `delete` False; they returned {found}."
    return None


def a_late_loser_does_not_win(student: ModuleType, url: str) -> str | None:
    """Let another writer commit, and write to Redis, while one is on its way from its commit to Redis."""
    for place, shop in enumerate(overtaken(student, url, lambda other: other.update("1", name="Cup"))):
        if shop.cached != ("3", {"id": "1", "name": "Cup", "price": 700}):
            return (
                f"One writer commits version 2 and is held up. Another commits version 3 and stores it. {late(place)}"
            )
    shop = shop_of(student, url)
    if [shop.products.offer("1", version, MUG) for version in (9, 10, 10, 9)] != [True, True, False, False]:
        return (
            "Redis knows version 9, and is offered 10, again 10, and 9. `offer` should take the first only, and say "
            "so. Compare numbers, not texts: as a text, 10 comes before 9."
        )
    return None


def a_late_write_after_a_delete_is_refused(student: ModuleType, url: str) -> str | None:
    """Delete a product; then do it while a writer is on its way to Redis."""
    shop = shop_of(student, url)
    shop.products.update("1", price=700)
    found = shop.products.delete("1")
    if shop.row or shop.db.in_transaction or found is not True:
        return (
            f"`delete` should delete the row, commit and return True; it returned {found}, and the row is {shop.row}."
        )
    if shop.cached == (None, None):
        return (
            "`delete` leaves nothing in Redis. A version protects only while it is known: a late writer can now "
            "store the deleted product for an hour. Leave a tombstone."
        )
    if shop.cached != ("3", None):
        return (
            "After `delete` the hash should have the next version, 3, and no data; it has "
            f"version {shop.cached[0]} and data {shop.cached[1]}."
        )
    if not 3200 <= shop.cache.ttl(shop.key) <= 4000:
        return f"A tombstone should live for TTL, an hour; Redis says {shop.cache.ttl(shop.key)} s."
    for place, shop in enumerate(overtaken(student, url, lambda other: other.delete("1"))):
        if shop.cached[1] is not None:
            return f"A writer commits version 2 and is held up. Another deletes the product. {late(place)}"
    return None


def late(place: int) -> str:
    """Say how the late writer won: by asking nothing, or by asking too early."""
    if place == 0:
        return (
            "The late one then puts version 2 over it, for up to an hour. Let Redis compare the versions, and refuse "
            "the older one."
        )
    return (
        "The late one had asked Redis for the version before that, and now stores version 2. Compare and store in "
        "one step, in a Lua script."
    )


def with_redis_down_a_write_still_commits(student: ModuleType, url: str) -> str | None:
    """Write without a Redis; then with one that has a mistake in it."""
    down = Shop(student, f"redis://127.0.0.1:{free_port()}")
    try:
        found = down.products.update("1", price=700), down.products.delete("1")
    except (redis.ConnectionError, redis.TimeoutError) as error:
        return (
            f"Redis is down, and a write raises {type(error).__name__}. The database may have committed, and the "
            "caller believes that it has not. Catch what Redis raises around the script."
        )
    if found != ({"id": "1", "name": "Mug", "price": 700}, True) or down.row:
        return f"With Redis down, `update` and `delete` should do what they always do; they returned {found}."
    if down.products.cache_errors != 2:
        return f"Two writes could not reach Redis, and `cache_errors` says {down.products.cache_errors}: count each."

    shop = shop_of(student, url)
    shop.cache.set(shop.key, "a mistake")
    heard = Heard()
    logging.getLogger().addHandler(heard)
    try:
        found = shop.products.offer("1", 2, MUG)
    except redis.ResponseError as error:
        return (
            f"The key holds a string, so Redis answers with an error, and `offer` raises {type(error).__name__}. "
            "The row is committed: whatever Redis says, count it and return False."
        )
    finally:
        logging.getLogger().removeHandler(heard)
    if shop.cache.type(shop.key) == "hash":
        return None  # it has mended the key
    if found is not False or shop.products.cache_errors != 1:
        return f"Redis has refused a version by an error. Count it and return False; `offer` returned {found}."
    if not heard.errors:
        return (
            "The key holds a string, so Redis answers with an error, and nobody hears of it. That is a mistake to "
            "mend, not an outage to wait out: log it with its traceback, by `logging.exception`."
        )
    return None


class Heard(logging.Handler):
    """Collects what is logged with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error."""
        if record.exc_info:
            self.errors.append(record.exc_info[1])


CHECKS = [
    an_update_reaches_the_database_and_the_cache,
    a_partial_update_keeps_the_other_fields,
    a_missing_id_caches_nothing,
    a_late_loser_does_not_win,
    a_late_write_after_a_delete_is_refused,
    with_redis_down_a_write_still_commits,
]
