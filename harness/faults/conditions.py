"""What a Redis, a value or a crowd can do to a program. Each condition is made, none is mocked, and ends again."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from harness.faults.tap import Tap
from harness.servers import Cluster, Server

Arranged = Iterator[None]
LATE = 0.1  # seconds
PATIENCE = 20  # seconds for what a condition brings about
FAILING_OVER = b">3\r\n$12\r\nFAILING_OVER\r\n:1\r\n:20\r\n"  # as Redis Enterprise announces one 20 s long


@dataclass
class World:
    """A Redis of its own, the network before it, and the database's file."""

    server: Server
    tap: Tap
    database: Path
    key: str  # the one that the operation reads or writes
    cluster: Cluster | None = None  # in the server's place

    @property
    def url(self) -> str:
        """Where the program connects to, where it does not through the tap."""
        return self.cluster.url if self.cluster else self.server.url

    @property
    def home(self) -> tuple[Server, Server]:
        """The primary that has the key, in a cluster, and its replica."""
        assert self.cluster
        with self.cluster.shards[0].client() as client:
            number = client.cluster("KEYSLOT", self.key) * len(self.cluster.shards) // 16384
        return self.cluster.shards[number], self.cluster.replicas[number]

    @property
    def admin(self) -> redis.Redis:
        """A client that no condition holds up but the server's."""
        return self.server.client()


@dataclass(frozen=True)
class Condition:
    """A condition: its name in docs/_course/conditions.yml, how it is made and ended."""

    name: str
    arrange: Callable[[World], Arranged]
    tapped: bool = False  # whether the program connects through the tap
    callers: int = 1
    cluster: bool = False  # whether it is one of a cluster
    lasts: float = 0  # seconds for which each operation is tried again and again, since much changes meanwhile


def until(what: str, done: Callable[[], bool]) -> None:
    """Wait until something is so. Raises RuntimeError if it takes too long: what cannot be made must not hang."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"in {PATIENCE} s it did not come to it that {what}")
        time.sleep(0.02)


def killed(world: World) -> Arranged:
    """Killed, and started again."""
    world.server.kill()
    yield
    world.server.start()


def frozen(world: World) -> Arranged:
    """Stopped in its tracks: connections stand, nothing answers."""
    world.server.freeze()
    yield
    world.server.thaw()


def full(world: World) -> Arranged:
    """At its limit of memory, with nothing that may be evicted."""
    with world.admin as admin:
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", 1)
        yield
        admin.config_set("maxmemory", 0)


def disk_failed(world: World) -> Arranged:
    """A snapshot that cannot be written: a folder has its name."""
    dump = Path(world.server.dir, "dump.rdb")
    dump.mkdir()
    with world.admin as admin:
        admin.config_set("save", "3600 1")
        admin.bgsave()
        until("a snapshot fails", lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err")
        yield
        admin.config_set("save", "")
    dump.rmdir()


def loading(world: World) -> Arranged:
    """A restart with data that takes long to read."""
    with world.admin as admin:
        pipeline = admin.pipeline(transaction=False)
        for number in range(2000):
            pipeline.set(f"ballast:{number}", "x" * 100)
        pipeline.execute()
        admin.save()
    world.server.kill()
    options = world.server.options
    world.server.options = (*options, "--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")
    world.server.start()
    yield
    with world.admin as admin:
        admin.config_set("key-load-delay", 0)
        until("all is loaded", lambda: not admin.info("persistence")["loading"])
    world.server.options = options


def made_a_replica(world: World) -> Arranged:
    """A replica of an empty server, under clients that are connected."""
    primary = Server()
    with world.admin as admin:
        admin.replicaof("127.0.0.1", str(primary.port))
        until("the replica is linked", lambda: admin.info("replication")["master_link_status"] == "up")
        yield
        admin.replicaof("NO", "ONE")
    primary.stop()


def no_more_clients(world: World) -> Arranged:
    """The server has as many clients as it may, and the program's connection is gone."""
    with world.admin as admin:
        admin.ping()
        admin.config_set("maxclients", 1)
        admin.client_kill_filter(_type="normal", skipme=True)
        yield
        admin.config_set("maxclients", 10_000)


def password_changed(world: World) -> Arranged:
    """A new password, and the connections with the old one closed."""
    with world.admin as admin:
        admin.config_set("requirepass", "changed")
        admin.client_kill_filter(_type="normal", skipme=True)
        yield
        admin.config_set("requirepass", "")


def no_right(world: World) -> Arranged:
    """The program's user may connect, and touch no key."""
    with world.admin as admin:
        admin.execute_command("ACL", "SETUSER", "default", "resetkeys")
        yield
        admin.execute_command("ACL", "SETUSER", "default", "~*")


def restarted_empty(world: World) -> Arranged:
    """Killed and started again, without data."""
    world.server.kill()
    world.server.start()
    yield


def flushed(world: World) -> Arranged:
    """All keys gone."""
    with world.admin as admin:
        admin.flushall()
    yield


def scripts_flushed(world: World) -> Arranged:
    """All scripts gone."""
    with world.admin as admin:
        admin.script_flush()
    yield


def late(world: World) -> Arranged:
    """Each reply late."""
    world.tap.late = LATE
    yield
    world.tap.late = 0


def reply_lost(world: World) -> Arranged:
    """The next reply lost, its command run."""
    world.tap.losing = True
    yield


def maintenance(world: World) -> Arranged:
    """A push announces a failover to a client that has asked for such, and then nothing answers."""
    if world.tap.asked_for_pushes:
        world.tap.push(FAILING_OVER)
    world.server.freeze()
    yield
    world.server.thaw()


def holds(value: bytes) -> Callable[[World], Arranged]:
    """Return what puts a value under the key."""

    def arrange(world: World) -> Arranged:
        with world.admin as admin:
            if admin.type(world.key) == b"hash":
                admin.hset(world.key, "data", value)
            else:
                admin.set(world.key, value, ex=3600)
        yield

    return arrange


def another_type(world: World) -> Arranged:
    """A list where a text was, or a text where a list was."""
    with world.admin as admin:
        kind = admin.type(world.key)
        admin.delete(world.key)
        if kind == b"list":
            admin.set(world.key, "no list")
        else:
            admin.rpush(world.key, "a list's first")
    yield


def nodes(world: World) -> list[Server]:
    """Return all nodes of the cluster."""
    assert world.cluster
    return [*world.cluster.shards, *world.cluster.replicas]


def until_primary(node: Server) -> None:
    """Wait until a node has become a primary, and its cluster serves all slots. Raises RuntimeError if it does not."""
    with node.client() as client:
        until(f"{node.url} is a primary", lambda: client.info("replication")["role"] == "master")
        until(f"{node.url} serves", lambda: client.cluster("INFO")["cluster_state"] == "ok")


def primary_killed(world: World) -> Arranged:
    """The primary that has the key is killed, and its replica takes over."""
    for node in nodes(world):
        with node.client() as client:
            client.config_set("cluster-node-timeout", 500)
    primary, replica = world.home
    primary.kill()
    yield
    until_primary(replica)
    primary.start()


def planned_failover(world: World) -> Arranged:
    """The replica takes over while the primary lives."""
    _, replica = world.home
    with replica.client() as client:
        client.cluster("FAILOVER")
    yield
    until_primary(replica)


def all_killed(world: World) -> Arranged:
    """All nodes of the cluster killed, and started again."""
    for node in nodes(world):
        node.kill()
    yield
    for node in nodes(world):
        node.start()
    assert world.cluster
    world.cluster.wait("is whole again", lambda client: client.cluster("INFO")["cluster_state"] == "ok")


def all_frozen(world: World) -> Arranged:
    """All nodes of the cluster stopped in their tracks."""
    for node in nodes(world):
        node.freeze()
    yield
    for node in nodes(world):
        node.thaw()


def slot_moved(world: World) -> Arranged:
    """The slot of the key moves to another primary, as when a cluster grows."""
    assert world.cluster
    source, _ = world.home
    target = next(shard for shard in world.cluster.shards if shard is not source)
    with source.client() as old, target.client() as new:
        slot, ids = old.cluster("KEYSLOT", world.key), [client.cluster("MYID").decode() for client in (old, new)]
        new.cluster("SETSLOT", slot, "IMPORTING", ids[0])
        old.cluster("SETSLOT", slot, "MIGRATING", ids[1])
        old.migrate("127.0.0.1", target.port, world.key, 0, 5000)
        for client in (new, old):
            client.cluster("SETSLOT", slot, "NODE", ids[1])
    yield


def nothing(_: World) -> Arranged:
    """No fault but the crowd."""
    yield


CONDITIONS = {
    one.name: one
    for one in (
        Condition("killed", killed),
        Condition("frozen", frozen),
        Condition("full", full),
        Condition("disk failed", disk_failed),
        Condition("loading", loading),
        Condition("replica", made_a_replica),
        Condition("no more clients", no_more_clients),
        Condition("password", password_changed),
        Condition("no right", no_right),
        Condition("restarted empty", restarted_empty),
        Condition("flushed", flushed),
        Condition("scripts flushed", scripts_flushed),
        Condition("late", late, tapped=True),
        Condition("reply lost", reply_lost, tapped=True),
        Condition("maintenance", maintenance, tapped=True),
        Condition("primary killed", cluster=True, arrange=primary_killed, lasts=6),
        Condition("planned failover", cluster=True, arrange=planned_failover, lasts=2),
        Condition("all killed", cluster=True, arrange=all_killed),
        Condition("all frozen", cluster=True, arrange=all_frozen),
        Condition("slot moved", cluster=True, arrange=slot_moved, lasts=1),
        Condition("another type", another_type),
        Condition("not JSON", holds(b"{")),
        Condition("not UTF-8", holds(b"\xff\xfe")),
        Condition("NaN", holds(b"NaN")),
        Condition("big number", holds(b"9007199254740993")),
        Condition("50 callers", nothing, callers=50),
        Condition("150 callers", nothing, callers=150),
        Condition("300 callers", nothing, callers=300),
    )
}


@contextlib.contextmanager
def under(condition: Condition, world: World) -> Iterator[None]:
    """Hold a condition while the block runs; it ends as a condition does, also where the block raises."""
    made = condition.arrange(world)
    next(made)
    try:
        yield
    finally:
        with contextlib.suppress(StopIteration):
            next(made)
