"""What SELECT does on a pooled client, and in a cluster."""

from types import ModuleType

import pytest
import redis

from harness.servers import Server


def test_select_on_a_pooled_client_changes_one_connection(example: ModuleType, own_server: Server) -> None:
    example.write_two(redis.Redis.from_url(own_server.url), 1)
    zero, one = (redis.Redis.from_url(own_server.url, db=number, decode_responses=True) for number in (0, 1))
    assert zero.keys() == ["demo:second"]
    assert one.keys() == ["demo:first"]


def test_a_cluster_refuses_select() -> None:
    server = Server("--cluster-enabled", "yes")
    try:
        with pytest.raises(redis.ResponseError, match="SELECT is not allowed in cluster mode"):
            redis.Redis.from_url(server.url).select(1)
    finally:
        server.stop()


def test_a_tenant_is_part_of_the_key_and_cannot_reach_anothers(example: ModuleType) -> None:
    assert example.within("shop", "acme", "cache:user:1") == "shop:acme:cache:user:1"
    for app, tenant in (("shop", "acme:cache"), ("shop:acme", "cache"), ("shop", ""), ("", "acme")):
        with pytest.raises(ValueError, match="no names"):
            example.within(app, tenant, "user:1")
