"""What reads from a replica can be told to do. The replica is one of this adapter's own, beside the primary."""

import time
from types import ModuleType
from typing import Any

import redis

from harness.servers import Server
from tests.faults.performance.again import again


def replica_of(url: str) -> Server:
    """Start a replica of the server at a URL, also where that leads through a proxy."""
    replica = Server()
    with redis.Redis.from_url(url) as primary, replica.client() as client:
        primary.config_set("repl-diskless-sync-delay", 0)
        client.replicaof("127.0.0.1", str(primary.info("server")["tcp_port"]))
        while client.info("replication")["master_link_status"] != "up":
            time.sleep(0.02)
        while primary.info("persistence")["rdb_bgsave_in_progress"]:  # it was for the replica
            time.sleep(0.02)
    return replica


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    replica = replica_of(url)
    reader = program.Reader(program.connect(url), program.connect(replica.url))

    def read() -> Any:
        return reader.get("demo:price")

    def read_fresh() -> Any:
        return reader.get("demo:price", may_be_old=False)

    def write(price: str) -> str:
        return f"on {reader.set('demo:price', price, 60, replicas=1)} replica"

    def on_one(price: str) -> None:
        if (found := write(price)) != "on 1 replica":
            raise RuntimeError(found)

    until = again(on_one, lambda: "on 1 replica")
    found = {"read": read, "read fresh": read_fresh, "write": write, "again": until}
    return {**found, "counts": lambda: dict(reader.stats)}
