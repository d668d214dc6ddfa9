"""What the dead letter of write-behind can be told to do."""

import time
from contextlib import suppress
from types import ModuleType
from typing import Any

import redis

STREAM, GROUP = "stream:carts", "writers"
MINUTE = 60_000  # ms; how long nobody has had the entry
TRIES, PAUSE = 20, 0.1  # seconds: a client may need a moment to connect again


def operations(program: ModuleType, url: str, _: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)

    def poison() -> None:
        """Leave an entry that was delivered five times, the last time a minute ago."""
        with redis.Redis.from_url(url) as admin:
            entry = admin.xadd(STREAM, {"id": "1", "data": "no JSON"})
            if not admin.xinfo_groups(STREAM):
                admin.xgroup_create(STREAM, GROUP, id="0")
            admin.xreadgroup(GROUP, "worker", {STREAM: ">"})
            admin.xclaim(STREAM, GROUP, "worker", 0, [entry], idle=MINUTE, retrycount=5, justid=True)

    def bury() -> str:
        return str(program.bury(cache))

    def poison_and_bury() -> str:
        poison()
        for _ in range(TRIES):  # the job runs again and again
            with suppress(redis.RedisError):
                bury()
                break
            time.sleep(PAUSE)
        with redis.Redis.from_url(url) as admin:
            return str(admin.xlen(STREAM))

    return {"poison": poison, "bury": bury, "poison and bury": poison_and_bury, "counts": dict}
