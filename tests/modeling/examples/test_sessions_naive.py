"""That a session made in steps fails as the page says."""

import contextlib
from types import ModuleType

import redis


def test_crash_before_expire_leaves_an_immortal_session(example: ModuleType, redis_url: str) -> None:
    store = redis.Redis.from_url(redis_url, decode_responses=True)
    with contextlib.suppress(SystemExit):
        example.create(example.DiesBeforeExpire.from_url(redis_url), "1", "abc")
    assert store.hget("session:abc", "user_id") == "1"
    assert store.ttl("session:abc") == -1


def test_a_set_of_sessions_keeps_dead_ids(example: ModuleType, redis_url: str) -> None:
    store = redis.Redis.from_url(redis_url, decode_responses=True)
    example.create(store, "1", "abc")
    store.delete("session:abc")  # as its expiry would
    assert store.smembers("user:1:sessions") == {"abc"}
    assert store.ttl("user:1:sessions") == -1
