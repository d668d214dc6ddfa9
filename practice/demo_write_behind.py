"""Write-behind with real processes: workers are killed, and no accepted write is lost.

`python -m practice.demo_write_behind` (make demo-write-behind) tells the story and ends by itself: with exit code 1 if
a write was lost. The tests use the same processes.
"""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from harness.load import load
from harness.servers import Server, die_with_parent

FOLDER = Path(__file__).resolve().parent.parent / "snippets" / "patterns" / "write-behind"
STREAM, DEAD, GROUP = "stream:carts", "stream:carts:dead", "writers"


def eventually(happened: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait until something is so, and return it. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := happened():
            return found
        time.sleep(0.002)
    raise TimeoutError(f"in {seconds} s it did not happen that {what}")


def accept(carts: Any, cart_id: str, cart: dict[str, Any]) -> str:
    """Save a cart by a request of its own, and return its version."""
    return str(carts.save(cart_id, cart, str(uuid4())))


class Shop:
    """A database in a file, a Redis, and worker processes between them."""

    def __init__(self, url: str, database: Path, claim_after_ms: int = 150) -> None:
        self.url, self.database, self.claim_after_ms = url, database, claim_after_ms
        self.cache: Any = redis.Redis.from_url(url, decode_responses=True)
        self.db = sqlite3.connect(database, timeout=20, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("CREATE TABLE log (id TEXT, version TEXT)")  # each write of a row, by triggers
        self.db.execute(load(FOLDER / "worker.py").TABLE)
        for event in ("INSERT", "UPDATE"):
            self.db.execute(
                f"CREATE TRIGGER on_{event} AFTER {event} ON carts BEGIN "
                "INSERT INTO log VALUES (new.id, new.version); END"
            )
        self.cache.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        self.sortable = load(FOLDER / "worker.py").sortable
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> "subprocess.Popen[bytes]":
        """Start a worker as a reader would, and return its process."""
        environment = {
            **os.environ,
            "REDIS_URL": self.url,
            "DATABASE": str(self.database),
            "CLAIM_AFTER_MS": str(self.claim_after_ms),
        }
        command = [sys.executable, str(FOLDER / "worker.py")]
        worker = subprocess.Popen(command, env=environment, preexec_fn=die_with_parent)
        self.workers.append(worker)
        return worker

    def consumer(self, worker: "subprocess.Popen[bytes]") -> str | None:
        """Return the name by which a worker reads; None before it has read at all."""
        names = [str(consumer["name"]) for consumer in self.cache.xinfo_consumers(STREAM, GROUP)]
        return next((name for name in names if name.endswith(f"-{worker.pid}")), None)

    def held(self, worker: "subprocess.Popen[bytes]") -> list[str]:
        """Return the ids of the entries that a worker has read and not acknowledged."""
        found = self.cache.xpending_range(STREAM, GROUP, "-", "+", 1000, consumername=self.consumer(worker))
        return [str(entry["message_id"]) for entry in found]

    def committed(self, entry: str) -> bool:
        """Tell whether the database has what an entry says, or something newer."""
        [(_, fields)] = self.cache.xrange(STREAM, entry, entry) or [(entry, {"id": ""})]
        row = self.db.execute("SELECT version FROM carts WHERE id = ?", (fields.get("id"),)).fetchone()
        return bool(row) and row[0] >= self.sortable(entry)

    def first_committed(self, entries: list[str]) -> str:
        """Return the first of some entries that the database has; "" for none."""
        return next(filter(self.committed, entries), "")

    def unwritten(self, worker: "subprocess.Popen[bytes]") -> str:
        """Return the first entry that a worker has read and the database does not have; "" for none."""
        return next((entry for entry in self.held(worker) if not self.committed(entry)), "")

    def wait_until_it_reads(self, worker: "subprocess.Popen[bytes]") -> None:
        """Wait until a worker has asked for entries."""
        eventually(lambda: self.consumer(worker), "the worker reads")

    def rows(self) -> dict[str, tuple[str, str]]:
        """Return version and data of each cart in the database."""
        return {key: (version, data) for key, version, data in self.db.execute("SELECT id, version, data FROM carts")}

    def stop_between_read_and_commit(self, worker: "subprocess.Popen[bytes]", add: Callable[[], Any]) -> str:
        """Leave a worker with an entry in hand that it cannot write: the database is locked, by us. Returns its id."""
        for _ in range(50):
            self.db.execute("BEGIN IMMEDIATE")
            add()
            try:
                return str(eventually(partial(self.unwritten, worker), "the worker holds an entry", 0.3))
            except TimeoutError:  # it was at its question whether it can write, and holds nothing
                self.db.execute("ROLLBACK")
                time.sleep(0.02)
        raise TimeoutError("the worker never held an entry")

    def stop_between_commit_and_ack(self, worker: "subprocess.Popen[bytes]", add: Callable[[], Any]) -> str:
        """Leave a worker with an entry that it has committed: Redis holds back its acknowledgement, and all writes.

        Returns the entry's id.
        """
        for _ in range(50):
            self.stop_between_read_and_commit(worker, add)
            held = self.held(worker)
            self.cache.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
            self.db.execute("ROLLBACK")
            with contextlib.suppress(TimeoutError):  # perhaps another worker has claimed it
                return str(eventually(partial(self.first_committed, held), "the worker commits", 2))
            self.resume()
        raise TimeoutError("the worker never committed what it held")

    def most_deliveries(self) -> int:
        """Return how often the entry came that came most often, of those that are not acknowledged."""
        pending = self.cache.xpending_range(STREAM, GROUP, "-", "+", 1000)
        return max((int(entry["times_delivered"]) for entry in pending), default=0)

    def kill(self, worker: "subprocess.Popen[bytes]") -> None:
        """Kill a worker by SIGKILL, and wait until Redis has seen it go."""
        ports = self.ports(worker)
        worker.kill()
        worker.wait()
        self.workers.remove(worker)
        eventually(lambda: not ports & {c["addr"] for c in self.cache.client_list()}, "Redis drops its connection")

    def ports(self, worker: "subprocess.Popen[bytes]") -> set[str]:
        """Return the addresses of a worker's connections, by its sockets in /proc; none where there is no /proc."""
        folder = Path(f"/proc/{worker.pid}/fd")
        if not folder.is_dir():
            return set()
        inodes = set()
        for link in folder.iterdir():
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        table = Path(f"/proc/{worker.pid}/net/tcp").read_text().splitlines()[1:]
        mine = [line.split() for line in table if line.split()[9] in inodes]
        return {f"127.0.0.1:{int(fields[1].rpartition(':')[2], 16)}" for fields in mine}

    def resume(self) -> None:
        """Let writes go on."""
        self.cache.execute_command("CLIENT", "UNPAUSE")

    def drained(self) -> bool:
        """Tell whether the stream is empty."""
        return int(self.cache.xlen(STREAM)) == 0

    def terminate(self) -> list[int]:
        """Ask all workers to end, and return their exit codes. One that has just begun could not yet hear it."""
        for worker in self.workers:
            self.wait_until_it_reads(worker)
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        codes = [worker.wait(10) for worker in self.workers]
        self.workers.clear()
        return codes

    def close(self) -> None:
        """End whatever still runs."""
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.db.close()
        self.cache.close()


def story(shop: Shop) -> bool:
    """Tell it, and return whether no write was lost."""
    carts = load(FOLDER / "write_behind.py").Carts(shop.cache, shop.db)
    latest: dict[str, str] = {}

    def fill(count: int) -> None:
        for number in range(count):
            key = str(number % 20)
            latest[key] = accept(carts, key, {"pen": len(latest) + number})

    fill(200)
    print(f"1. No worker runs. Accepted 200 writes of 20 carts; the stream holds {shop.cache.xlen(STREAM)}, "
          f"the database {len(shop.rows())} carts.")  # fmt: skip

    first = shop.start()
    eventually(shop.drained, "the worker has caught up")
    print(f"2. A worker runs. The stream holds {shop.cache.xlen(STREAM)}, the database {len(shop.rows())} carts.")

    shop.stop_between_read_and_commit(first, lambda: fill(20))
    shop.kill(first)
    shop.db.execute("ROLLBACK")
    print(f"3. 20 more writes, and kill -9 before the first commit. The stream holds {shop.cache.xlen(STREAM)}.")

    second = shop.start()
    eventually(shop.drained, "the second worker has caught up")
    print(f"4. A second worker takes them, what the first one held too. The stream holds {shop.cache.xlen(STREAM)}.")

    shop.stop_between_commit_and_ack(second, lambda: fill(1))
    writes = shop.db.execute("SELECT count(*) FROM log").fetchone()[0]
    shop.kill(second)
    shop.resume()
    shop.start()
    eventually(shop.drained, "the third worker has caught up")
    again = shop.db.execute("SELECT count(*) FROM log").fetchone()[0] - writes
    print(
        f"5. kill -9 between commit and acknowledgement. A third worker gets the entry again, and writes {again} rows."
    )

    shop.cache.xadd(STREAM, {"id": "poison", "data": "no JSON"})
    bury = load(FOLDER / "dead_letter.py").bury

    def delivered_often() -> bool:
        entries = shop.cache.xpending_range(STREAM, GROUP, "-", "+", 1)
        return bool(entries) and entries[0]["times_delivered"] >= 5

    eventually(delivered_often, "the poison was delivered five times")
    idle_ms = 2 * shop.claim_after_ms  # as 60 s are to 30 s
    eventually(lambda: bury(shop.cache, idle_ms), "the poison is buried")
    print(f"6. An entry that the database refuses: in {DEAD} after 5 deliveries, {shop.cache.xlen(DEAD)} entry.")

    codes = shop.terminate()
    print(f"7. SIGTERM. Exit code {codes[0]}.")

    lost = [key for key, version in latest.items() if shop.rows().get(key, ("",))[0] != shop.sortable(version)]
    print(f"   {len(latest)} carts accepted, {len(latest) - len(lost)} in the database at their last version, "
          f"{len(lost)} lost.")  # fmt: skip
    return not lost and codes == [0] and again == 0


def main() -> None:
    """Run the story on a private Redis and a database in a temporary folder."""
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as folder:
            shop = Shop(server.url, Path(folder, "shop.db"))
            try:
                whole = story(shop)
            finally:
                shop.close()
    finally:
        server.stop()
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
