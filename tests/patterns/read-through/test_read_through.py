"""What the read-through page claims, in Python."""

import inspect
import sqlite3
from datetime import date
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from harness.servers import Server


class Loader:
    """A database of one cart that counts, and fails when told to."""

    def __init__(self, cart: Any) -> None:
        self.cart, self.asked = cart, 0
        self.error: Exception | None = None

    def __call__(self, cart_id: str) -> Any:
        self.asked += 1
        if self.error:
            raise self.error
        return self.cart if cart_id == "7" else None


@pytest.fixture
def loader(example: ModuleType) -> Loader:
    return Loader(example.Cart("7", {"cup": 1, "tea": 2}))


@pytest.fixture
def carts(example: ModuleType, redis_url: str, loader: Loader) -> Any:
    return example.CartCache(example.connect(redis_url), loader)


def test_loader_is_called_once_per_miss(carts: Any, loader: Loader) -> None:
    for _ in range(3):
        assert carts.get("7") == loader.cart
    assert loader.asked == carts.stats["loads"] == 1
    assert carts.cache.get("cache:cart:7") == '{"id":"7","items":{"cup":1,"tea":2}}'
    assert 3200 < carts.cache.ttl("cache:cart:7") <= 3960
    carts.forget("7")
    assert carts.get("7") == loader.cart
    assert loader.asked == 2


def test_caller_never_sees_the_database(example: ModuleType, redis_url: str) -> None:
    """The caller works with any loader at all, and neither its text nor its arguments name a store."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE cart_items (cart_id TEXT, product_id TEXT, quantity INTEGER)")
    db.execute("INSERT INTO cart_items VALUES ('7', 'tea', 2), ('7', 'cup', 1)")
    carts = example.make_carts(example.connect(redis_url), db)
    assert example.describe(carts, "7") == "3 items"
    db.close()
    assert example.describe(carts, "7") == "3 items"
    elsewhere = example.CartCache(carts.cache, lambda cart_id: example.Cart(cart_id, {"tea": 9}))
    assert example.describe(elsewhere, "9") == "9 items"
    assert list(inspect.signature(example.describe).parameters) == ["carts", "cart_id"]


def test_loader_error_is_not_cached(carts: Any, loader: Loader) -> None:
    loader.error = TimeoutError("the database does not answer")
    with pytest.raises(TimeoutError, match="does not answer"):
        carts.get("7")
    assert list(carts.cache.scan_iter()) == []
    loader.error = None
    assert carts.get("7") == loader.cart


def test_missing_cart_is_cached_briefly(carts: Any, loader: Loader) -> None:
    for hostile in ("8", "7 OR 1=1", "7' OR '1'='1", "*", "ключ\n", "x" * 10_000):
        assert carts.get(hostile) is None
        assert carts.get(hostile) is None
    assert loader.asked == 6
    assert 0 < carts.cache.ttl("cache:cart:8") <= 66
    assert carts.get("7") == loader.cart


def test_hostile_cart_id_finds_nothing(example: ModuleType, redis_url: str) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE cart_items (cart_id TEXT, product_id TEXT, quantity INTEGER)")
    db.execute("INSERT INTO cart_items VALUES ('7', 'tea', 2)")
    carts = example.make_carts(example.connect(redis_url), db)
    for hostile in ("7 OR 1=1", "7' OR '1'='1", "*", "7; DROP TABLE cart_items", "ключ\n", "x" * 10_000):
        assert carts.get(hostile) is None
    assert carts.get("7") == example.Cart("7", {"tea": 2})


def test_redis_down_still_loads(example: ModuleType, own_server: Server, loader: Loader) -> None:
    carts = example.CartCache(example.connect(own_server.url), loader)
    assert carts.get("7") == loader.cart
    own_server.kill()
    assert carts.get("7") == carts.get("7") == loader.cart
    carts.forget("7")
    assert loader.asked == 3
    assert carts.stats["cache errors"] == 5  # two reads of GET and SET, one DEL


def test_corrupt_cart_is_loaded_again(carts: Any, loader: Loader) -> None:
    corrupt = (
        "", "{", "null", "7", "[]", '{"id":"7"}', '{"id":"7","items":null}', '{"id":"7","items":{"tea":"2"}}',
        '{"id":"7","items":{},"more":1}', b"\xff\xfe",
    )  # fmt: skip
    for count, value in enumerate(corrupt, 1):
        carts.cache.set("cache:cart:7", value)
        assert carts.get("7") == loader.cart
        assert carts.stats["corrupt values"] == loader.asked == count
        assert carts.cache.get("cache:cart:7") == '{"id":"7","items":{"cup":1,"tea":2}}'


@pytest.mark.parametrize("count", [Decimal(2), date(2026, 11, 28), (2, 3), float("nan")])
def test_what_would_not_come_back_as_it_was_is_not_stored(carts: Any, loader: Loader, count: Any) -> None:
    """The caller has what the loader returned, whatever that is, and so has the next."""
    loader.cart.items["tea"] = count
    assert carts.get("7") is loader.cart
    assert carts.get("7") is loader.cart
    assert carts.stats["not stored"] == loader.asked == 2
    assert carts.cache.get("cache:cart:7") is None


def test_who_is_told_of_a_write_reads_it(example: ModuleType, carts: Any, loader: Loader) -> None:
    carts.get("7")
    loader.cart = example.Cart("7", {"tea": 5})
    carts.forget("7")
    assert carts.get("7").items == {"tea": 5}


def test_overtaken_loader_leaves_the_old_cart_until_its_ttl(example: ModuleType, carts: Any, loader: Loader) -> None:
    """The race of cache-aside, which this pattern does not close either."""
    load = carts.load

    def load_and_be_overtaken(cart_id: str) -> Any:
        cart = load(cart_id)
        loader.cart = example.Cart("7", {"tea": 5})
        carts.forget("7")  # the writer commits and tells before we store
        return cart

    carts.load = load_and_be_overtaken
    carts.get("7")
    carts.load = load
    assert carts.get("7").items == {"cup": 1, "tea": 2}
    assert 0 < carts.cache.ttl("cache:cart:7") <= 3960
