# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Ask a Redis what it would lose in a crash, before it holds the only copy of anything."""

import os
from typing import Any

import redis

SETTINGS = ("appendonly", "appendfsync", "save")


# --8<-- [start:loss]
def lost_in_a_crash(settings: dict[str, str]) -> str:
    """Say what a node with these settings forgets if its machine dies now.

    If only the process is killed, which is what the tests do, it forgets no more.
    """
    if settings["appendonly"] == "yes":
        return {
            "always": "nothing that it has answered",
            "everysec": "about the last second",
            "no": "whatever the operating system had not written yet",
        }[settings["appendfsync"]]
    if settings["save"]:
        return "everything since the last snapshot"
    return "everything"


def ask(store: redis.Redis) -> str:
    settings: Any = store.config_get(*SETTINGS)
    return lost_in_a_crash(settings)


# --8<-- [end:loss]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    store = redis.Redis.from_url(url, decode_responses=True)
    for settings in (
        {"appendonly": "yes", "appendfsync": "always"},
        {"appendonly": "yes", "appendfsync": "everysec"},
        {"appendonly": "no", "save": "3600 1"},
    ):
        words = ", ".join(f"{name} {value}" for name, value in settings.items())
        print(f"{words}: loses {lost_in_a_crash(settings)}")
    print(f"this Redis: loses {ask(store)}")


if __name__ == "__main__":
    main()
