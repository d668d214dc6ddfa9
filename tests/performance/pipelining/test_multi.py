"""What the pipelining page shows: MULTI undoes nothing."""

from types import ModuleType

import redis


def test_a_failing_command_in_multi_undoes_nothing(example: ModuleType, redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    client.set("demo:stock:1", 10)
    client.set("demo:reserved:1", "none")
    replies = example.move_stock(client, "1", 3)
    assert [isinstance(reply, redis.ResponseError) for reply in replies] == [False, True, False]
    assert client.mget("demo:stock:1", "demo:reserved:1", "demo:moves") == ["7", "none", "1"]
