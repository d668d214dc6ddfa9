"""What the client for Azure can be told to do."""

from types import ModuleType
from typing import Any

import redis

from tests.faults.performance.again import again


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name, on a cluster or on one server."""
    with redis.Redis.from_url(url) as plain:
        in_cluster = bool(plain.info("cluster")["cluster_enabled"])
    client = program.connect(url, cluster=in_cluster)

    def read() -> Any:
        return client.get("demo:greeting:1")

    def write(value: str) -> None:
        client.set("demo:greeting:1", value, ex=60)

    return {"read": read, "write": write, "again": again(write, read), "counts": dict}
