# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Write-behind over pub/sub and over a queue in the process, losing writes. Do not copy it: use a stream."""

import json
import os
import queue
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import redis

UPSERT = "INSERT OR REPLACE INTO carts (id, data) VALUES (?, ?)"


# --8<-- [start:publish]
def save_by_publishing(cache: redis.Redis, cart_id: str, cart: dict) -> int:
    """Tell whoever writes carts to the database. Returns how many heard it."""
    message = json.dumps({"id": cart_id, "data": cart})
    heard = cache.publish("channel:carts", message)
    return int(heard)


# --8<-- [end:publish]


# --8<-- [start:queue]
class QueuedCarts:
    """Accepts carts at once, and writes them to the database in a thread."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.waiting: queue.Queue[tuple[str, str]] = queue.Queue()
        threading.Thread(target=self.drain, daemon=True).start()

    def save(self, cart_id: str, cart: dict) -> None:
        self.waiting.put((cart_id, json.dumps(cart)))

    def drain(self) -> None:
        db = sqlite3.connect(self.database, timeout=60)
        while True:
            with db:
                db.execute(UPSERT, self.waiting.get())


# --8<-- [end:queue]


def accept_and_wait(database: str) -> None:
    """What the child process does: accept five carts, say so, go on serving."""
    carts = QueuedCarts(database)
    for number in range(5):
        carts.save(str(number), {"pen": 1})
    print("accepted 5", flush=True)
    threading.Event().wait()


def lose_a_process(database: str) -> tuple[str, int]:
    """Kill a process that has accepted five carts while the database is busy: what it said, and what was written."""
    db = sqlite3.connect(database)
    db.execute("CREATE TABLE carts (id TEXT PRIMARY KEY, data TEXT)")
    db.execute("BEGIN IMMEDIATE")  # the database is busy
    command = [sys.executable, __file__, database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline().strip() if process.stdout else ""
        process.kill()
    db.rollback()  # and busy no more
    return said, int(db.execute("SELECT count(*) FROM carts").fetchone()[0])


def main() -> None:
    cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    heard = sum(save_by_publishing(cache, str(number), {"pen": 1}) for number in range(5))
    print(f"pub/sub without a subscriber: published 5, heard {heard}")
    with tempfile.TemporaryDirectory() as folder:
        said, written = lose_a_process(str(Path(folder, "shop.db")))
    print(f"a queue in a process that is killed: {said}, written {written}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        accept_and_wait(sys.argv[1])
    else:
        main()
