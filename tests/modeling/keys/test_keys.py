"""What the page on keys claims of the key builder."""

import re
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis

from publish import registry
from tests.servers import Server, free_port

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


@pytest.fixture
def cluster() -> Iterator[Server]:
    """A cluster of one node, which owns all slots."""
    server = Server("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    client: Any = redis.Redis.from_url(server.url)
    client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
    deadline = time.monotonic() + 10
    while client.cluster("INFO")["cluster_state"] != "ok":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield server
    server.stop()


def test_a_hash_tag_puts_keys_into_one_slot(example: ModuleType, cluster: Server) -> None:
    client: Any = redis.Redis.from_url(cluster.url)
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


def test_every_pattern_has_one_type(example: ModuleType) -> None:
    """No key fits two rows of the registry, and each key that this module names fits one."""
    rows, _ = registry.read(ROOT)
    samples = [registry.PLACE.sub("x1", row.pattern) for row in rows]

    def fitting(key: str) -> list[str]:
        return [row.type for row in rows if row.holds_key(key)]

    assert [key for key in samples if len(fitting(key)) != 1] == []
    for key in (example.user("1"), example.user_activity("1"), example.product("1"), example.cart("1")):
        assert len(fitting(key)) == 1
