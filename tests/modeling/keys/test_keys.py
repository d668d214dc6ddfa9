"""What the page on keys claims of the key builder."""

import re
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server
from publish.parts import keys
from publish.sources.course import Course
from publish.sources.ledger import PLACE

ROOT = Path(__file__).resolve().parents[3]

HOSTILE = ("1:activity", "{1}", "a}b{c", "*", "user:?[a-z]", "%3A", "a b\n", "ключ", "'\";--", "x" * 10_000)


def test_empty_ids_are_refused(example: ModuleType) -> None:
    for build in (example.user, example.product, example.cart, example.user_activity):
        with pytest.raises(ValueError, match="empty"):
            build("")
    with pytest.raises(ValueError, match="empty"):
        example.within("shop", "", "user:1")


def test_no_id_reaches_another_key(example: ModuleType) -> None:
    """Different ids make different keys of the same shape, and none is a glob."""
    for build in (example.user, example.product, example.cart, example.user_activity):
        built = [build(id) for id in ("1", *HOSTILE)]
        assert len(set(built)) == len(built)
        for key in built:
            assert re.fullmatch(r"[a-z]+:[\w.~%-]+(:activity)?", key)
            assert key.count(":") == built[0].count(":")
    assert example.user("1:activity") != example.user_activity("1")


def test_plain_joining_lets_an_id_name_another_key(example: ModuleType, redis_url: str) -> None:
    cache = redis.Redis.from_url(redis_url, decode_responses=True)
    cache.lpush(example.user_activity("1"), "signed in")
    hostile = "1:activity"
    cache.delete(f"user:{hostile}")  # meant to delete a user
    assert cache.keys() == []


def test_two_tenants_share_no_key(example: ModuleType) -> None:
    keys = [
        example.within(app, tenant, example.user(id))
        for app in ("shop", "shop:acme", "s")
        for tenant in ("acme", "acme:user", "b")
        for id in ("1", "user:1")
    ]
    assert all(one != other for one, other in combinations(keys, 2))


def test_keys_hold_no_address_and_no_query(example: ModuleType) -> None:
    secret, other = b"s" * 32, b"t" * 32
    key = example.user_by_email(secret, "Ada@Example.com ")
    assert key == example.user_by_email(secret, "ada@example.com")
    assert key != example.user_by_email(other, "ada@example.com")
    assert re.fullmatch(r"email:[0-9a-f]{64}", key)
    assert re.fullmatch(r"cache:api:1:[0-9a-f]{64}", example.api_cache("1", "/orders", {"q": "x" * 10_000}))


def test_an_answer_is_cached_for_its_viewer(example: ModuleType) -> None:
    asked = {"page": "1", "sort": "price"}
    key = example.api_cache("1", "/orders", asked)
    assert key == example.api_cache("1", "/orders", dict(reversed(asked.items())))
    assert key != example.api_cache("2", "/orders", asked)
    assert key != example.api_cache("1", "/orders", {**asked, "page": "2"})


def test_a_hash_tag_puts_keys_into_one_slot(example: ModuleType, one_node_cluster: Server) -> None:
    client: Any = redis.Redis.from_url(one_node_cluster.url)
    together = [example.user_together("1", "profile"), example.user_together("1", "orders")]
    apart = [example.user("1"), example.user_activity("1")]
    for key in together + apart:
        assert client.execute_command("CLUSTER KEYSLOT", key) == example.slot(key)
    client.mset(dict.fromkeys(together, "x"))
    assert client.mget(together) == [b"x", b"x"]
    with pytest.raises(redis.ResponseError, match="slot"):
        client.mset(dict.fromkeys(apart, "x"))


def test_braces_in_an_id_choose_no_slot(example: ModuleType) -> None:
    """Whoever may write braces into an id could send all keys to one node."""
    assert len({example.slot(f"user:{id}{{x}}") for id in range(50)}) == 1
    assert len({example.slot(example.user(f"{id}{{x}}")) for id in range(50)}) > 40


def test_each_key_that_the_builder_names_fits_one_row(example: ModuleType) -> None:
    """And no key fits two rows of the registry. The contract holds what programs write against it."""
    rows = keys.read(Course(ROOT)).data
    samples = [PLACE.sub("x1", row.pattern) for row in rows]

    def fitting(key: str) -> list[str]:
        return [row.pattern for row in rows if row.holds_key(key)]

    assert [key for key in samples if len(fitting(key)) != 1] == []
    named = {
        "user:{id}": example.user("1"),
        "user:{id}:activity": example.user_activity("1"),
        "product:{id}": example.product("1"),
        "cart:{id}": example.cart("1"),
        "rate:{client}:{window}": example.rate("2001:db8::1", 29_400_000),
        "cache:api:{viewer}:{digest}": example.api_cache("1", "/orders", {"page": "1"}),
        "email:{digest}": example.user_by_email(b"s" * 32, "ada@example.com"),
        "shop:{tenant}:user:{id}": example.within("shop", "acme", example.user("1")),
        "{user:{id}}:profile": example.user_together("1", "profile"),
        "{user:{id}}:orders": example.user_together("1", "orders"),
    }
    assert {pattern: fitting(key) for pattern, key in named.items()} == {pattern: [pattern] for pattern in named}
    builders = {name for name, one in vars(example).items() if getattr(one, "__module__", "") == example.__name__}
    helpers = {"part", "slot", "main"}
    used = {"user", "user_activity", "product", "cart", "rate", "api_cache", "user_by_email", "within", "user_together"}
    assert builders - helpers == used, "a builder has come or gone: name its key above"
