"""What the page of examples claims of sessions."""

from types import ModuleType
from typing import Any

import pytest
import redis

from harness.cut import every_crash
from harness.servers import Server

INDEX = "user:1:sessions"


@pytest.fixture
def sessions(example: ModuleType, redis_url: str) -> Any:
    return example.Sessions(example.connect(redis_url), clock=lambda: 1_800_000_000)


def at(example: ModuleType, sessions: Any, seconds: float) -> Any:
    """The same sessions, seen so much later."""
    return example.Sessions(sessions.store, clock=lambda: 1_800_000_000 + seconds)


def test_crash_never_leaves_session_without_ttl(example: ModuleType, redis_url: str) -> None:
    store = example.connect(redis_url)
    found = set()
    for _ in every_crash(redis_url, lambda url: example.Sessions(example.connect(url)).create("1"), lambda _: None):
        keys = store.keys()
        assert all(0 < store.ttl(key) <= example.TTL for key in keys)
        found.add(len(keys))
    assert found == {0, 2}  # nothing, or session and index


def test_expired_sessions_leave_user_index(example: ModuleType, sessions: Any) -> None:
    old = sessions.create("1")
    later = at(example, sessions, 1000)
    new = later.create("1")
    assert later.active("1") == [example.session_key(old), example.session_key(new)]

    later = at(example, sessions, example.TTL + 1)
    assert later.active("1") == [example.session_key(new)]  # seen at once
    newest = later.create("1")
    assert later.store.zrange(INDEX, 0, -1) == [example.session_key(new), example.session_key(newest)]  # and removed
    assert at(example, sessions, 1000 + 2 * example.TTL).active("1") == []


def test_index_lives_as_long_as_its_youngest_session(example: ModuleType, sessions: Any) -> None:
    sessions.create("1")
    sessions.store.expire(INDEX, 5)
    token = sessions.create("1")
    assert sessions.store.ttl(INDEX) >= sessions.store.ttl(example.session_key(token))


def test_token_is_in_no_key_and_no_value(example: ModuleType, sessions: Any) -> None:
    token = sessions.create("1")
    assert sessions.user_of(token) == "1"
    held = [*sessions.store.scan_iter(), *sessions.store.zrange(INDEX, 0, -1)]
    held += sessions.store.hgetall(example.session_key(token)).values()
    assert not any(token in text for text in held)
    for guess in ("", "*", "1", example.session_key(token), "ключ", "x" * 10_000):
        assert sessions.user_of(guess) is None


def test_ended_session_is_gone_from_both(sessions: Any) -> None:
    one, other = sessions.create("1"), sessions.create("1")
    sessions.end(one)
    sessions.end(one)  # twice does no harm
    assert sessions.user_of(one) is None
    assert sessions.user_of(other) == "1" and len(sessions.active("1")) == 1


def test_signing_out_everywhere_takes_a_session_that_begins_meanwhile(example: ModuleType, sessions: Any) -> None:
    tokens = [sessions.create("1"), sessions.create("2")]
    transaction = sessions.store.transaction

    def overtaken(change: Any, *keys: str) -> Any:
        def slow(pipe: Any) -> None:
            change(pipe)  # has read the index
            if len(tokens) == 2:
                tokens.append(sessions.create("1"))

        return transaction(slow, *keys)

    sessions.store.transaction = overtaken
    sessions.end_all("1")
    assert [sessions.user_of(token) for token in tokens] == [None, "2", None]
    assert not sessions.store.exists(INDEX)


def test_without_redis_nobody_is_signed_in_by_mistake(example: ModuleType, own_server: Server) -> None:
    sessions = example.Sessions(example.connect(own_server.url))
    token = sessions.create("1")
    own_server.kill()
    with pytest.raises(redis.ConnectionError):
        sessions.user_of(token)


def test_sign_in_that_a_replica_refuses_leaves_the_connection(example: ModuleType, own_server: Server) -> None:
    """Its address may lead to the new primary by now."""
    sessions = example.Sessions(example.connect(own_server.url))
    for refused in ("create", "end_all"):
        before = sessions.store.client_id()
        sessions.store.replicaof("127.0.0.1", "1")
        with pytest.raises(redis.ReadOnlyError):
            getattr(sessions, refused)("1")
        assert sessions.store.client_id() != before
