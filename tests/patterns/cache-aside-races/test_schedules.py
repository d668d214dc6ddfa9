"""That the race is what the page says, in Python."""

from types import ModuleType

import redis


def stale(example: ModuleType, policy: type, url: str) -> list[str]:
    cache = redis.Redis.from_url(url, decode_responses=True)
    return [schedule for schedule in example.schedules() if example.run(policy(cache), schedule) == "STALE"]


def test_there_are_ten_schedules(example: ModuleType) -> None:
    schedules = list(example.schedules())
    assert len(set(schedules)) == len(schedules) == 10
    assert all(sorted(schedule) == list("RRRWW") for schedule in schedules)


def test_one_of_ten_schedules_ends_stale(example: ModuleType, redis_url: str) -> None:
    assert stale(example, example.Plain, redis_url) == ["RRWWR"]


def test_every_schedule_ends_fresh(example: ModuleType, redis_url: str) -> None:
    assert stale(example, example.Versioned, redis_url) == []
