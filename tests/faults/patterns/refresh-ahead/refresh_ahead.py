"""What refresh-ahead can be told to do."""

import sqlite3
import threading
from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    db, one, reads = sqlite3.connect(database, check_same_thread=False), threading.Lock(), [0]

    def load(month: str) -> Any:
        with one:
            reads[0] += 1
            (cents,) = db.execute("SELECT cents FROM orders WHERE month = ?", (month,)).fetchone()
        return {"month": month, "cents": cents}

    reports = program.Reports(program.connect(url), load)

    def read(month: str) -> str:
        return str(reports.get(month)["cents"])

    def prepare(fresh: str, old: str) -> None:
        """Store two reports, one near its end."""
        read(fresh)
        read(old)
        reports.cache.expire(program.cache_key(old), 600)

    def counts() -> dict[str, int]:
        if reports.refreshing:
            reports.refreshing.result()  # the refresh goes on after the answer
        return {**reports.stats, "database reads": reads[0]}

    return {"read": read, "prepare": prepare, "counts": counts}
