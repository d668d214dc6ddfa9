"""How many connections a habit costs, counted by the server."""

from types import ModuleType

import redis

from harness.servers import Server


def test_a_connection_for_each_command_against_one_for_all(example: ModuleType, own_server: Server) -> None:
    server = redis.Redis.from_url(own_server.url)
    start = example.connections(server)
    for _ in range(100):
        example.count_view_connecting(own_server.url, "views")
    assert example.connections(server) - start == 100

    start = example.connections(server)
    cache = example.connect(own_server.url)
    for _ in range(100):
        example.count_view(cache, "views")
    assert example.connections(server) - start == 1
    assert server.get("counter:views") == b"200"
