"""What the write-through page says of the naive version, shown to be so."""

import json
import sqlite3
from types import ModuleType

import pytest
import redis


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT)")
    db.execute("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com')")
    return db


def user(name: str) -> dict:
    return {"name": name, "email": "ada@example.com"}


def in_database(db: sqlite3.Connection) -> str:
    return str(db.execute("SELECT name FROM users WHERE id = '1'").fetchone()[0])


def in_cache(cache: redis.Redis) -> str:
    return str(json.loads(cache.get("cache:user:1") or "{}").get("name"))


def test_naive_two_writers_leave_the_loser_in_the_cache(
    example: ModuleType, cache: redis.Redis, db: sqlite3.Connection
) -> None:
    overtaken = example.Overtaken(cache, lambda: example.update_user(cache, db, "1", user("B")))
    example.update_user(overtaken, db, "1", user("A"))
    assert in_database(db) == "B"
    assert in_cache(cache) == "A"
    assert 3500 < cache.ttl("cache:user:1") <= 3600


def test_naive_crash_after_the_commit_leaves_the_old_value(
    example: ModuleType, cache: redis.Redis, db: sqlite3.Connection
) -> None:
    example.update_user(cache, db, "1", user("A"))
    with pytest.raises(example.CrashError):
        example.update_user(example.Overtaken(cache, example.crash), db, "1", user("C"))
    assert in_database(db) == "C"
    assert in_cache(cache) == "A"


def test_naive_caches_only_what_the_caller_sent(
    example: ModuleType, cache: redis.Redis, db: sqlite3.Connection
) -> None:
    example.update_user(cache, db, "1", user("A"))
    assert set(json.loads(cache.get("cache:user:1") or "{}")) == {"name", "email"}  # and the id is gone


def test_naive_caches_a_user_who_does_not_exist(
    example: ModuleType, cache: redis.Redis, db: sqlite3.Connection
) -> None:
    example.update_user(cache, db, "2", user("Nobody"))
    assert db.execute("SELECT count(*) FROM users WHERE id = '2'").fetchone() == (0,)
    assert cache.exists("cache:user:2")
