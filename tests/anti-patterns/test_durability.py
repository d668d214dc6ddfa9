"""What a Redis has left after its process was killed, and that the example foretells it."""

from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server


def left_after_a_kill(example: ModuleType, *options: str) -> tuple[str, Any]:
    """Return what the example foretells, and what is left of an answered write when the process is killed."""
    server = Server(*options)
    try:
        store = redis.Redis.from_url(server.url, decode_responses=True)
        foretold = example.ask(store)
        assert store.set("order:1", "paid")
        server.kill()
        server.start()
        return foretold, redis.Redis.from_url(server.url, decode_responses=True).get("order:1")
    finally:
        server.stop()


def test_without_persistence_a_killed_process_has_lost_everything(example: ModuleType) -> None:
    assert left_after_a_kill(example) == ("everything", None)


def test_with_aof_always_an_answered_write_outlives_the_process(example: ModuleType) -> None:
    options = ("--appendonly", "yes", "--appendfsync", "always")
    assert left_after_a_kill(example, *options) == ("nothing that it has answered", "paid")


def test_snapshots_lose_what_came_after_the_last(example: ModuleType) -> None:
    assert left_after_a_kill(example, "--save", "3600 1") == ("everything since the last snapshot", None)


@pytest.mark.parametrize(
    ("settings", "loss"),
    [
        (("yes", "everysec", ""), "about the last second"),
        (("yes", "no", ""), "whatever the operating system had not written yet"),
        (("yes", "always", "3600 1"), "nothing that it has answered"),
        (("no", "always", ""), "everything"),
    ],
)
def test_loss_follows_from_the_settings(example: ModuleType, settings: tuple[str, ...], loss: str) -> None:
    assert example.lost_in_a_crash(dict(zip(example.SETTINGS, settings, strict=True))) == loss
