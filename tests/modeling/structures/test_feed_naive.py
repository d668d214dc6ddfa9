"""That a feed trimmed in a second step grows as the page says."""

import contextlib
from types import ModuleType

import redis


def test_crash_between_push_and_trim_leaves_the_feed_too_long(example: ModuleType, redis_url: str) -> None:
    cache = redis.Redis.from_url(redis_url)
    for number in range(8):
        with contextlib.suppress(SystemExit):
            example.add(example.DiesBeforeTrim.from_url(redis_url), f"event {number}")
    assert cache.llen(example.KEY) == 8 > example.LENGTH
    example.add(cache, "event 9")  # the next one that comes through trims it
    assert cache.llen(example.KEY) == example.LENGTH
