"""What XFetch can be told to do. Whoever reads late reads at the end of its time, where every lot says: load."""

import time
from types import ModuleType
from typing import Any

from tests.faults.patterns.stampede.books import Books


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    load, gone = Books(database), [0]
    trending = program.Trending(program.connect(url), load)
    trending.now = lambda: time.time() + gone[0]
    trending.rng = lambda: 0.0  # the lot that never loads early

    def read(category: str) -> str:
        return ", ".join(trending.get(category))

    def read_late(category: str) -> str:
        gone[0] = program.TTL
        return read(category)

    return {"read": read, "read late": read_late, "counts": lambda: {**trending.stats, "database reads": load.reads}}
