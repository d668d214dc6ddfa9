"""That the code the page warns of really fails as the page says."""

import sqlite3
from types import ModuleType

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def db() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT)")
    db.execute("INSERT INTO users VALUES (1, 'Ada', 'secret')")
    return db


@pytest.fixture
def cache(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


def test_naive_id_becomes_sql(example: ModuleType, cache: redis.Redis, db: sqlite3.Connection) -> None:
    assert example.get_user(cache, db, "7 OR 1=1")[1] == "Ada"


def test_naive_caches_the_password_hash(example: ModuleType, cache: redis.Redis, db: sqlite3.Connection) -> None:
    example.get_user(cache, db, "1")
    assert "secret" in str(cache.get("cache:user:1"))


def test_naive_hides_a_new_user_for_an_hour(example: ModuleType, cache: redis.Redis, db: sqlite3.Connection) -> None:
    assert example.get_user(cache, db, "2") is None
    db.execute("INSERT INTO users VALUES (2, 'Grace', 'secret')")
    assert example.get_user(cache, db, "2") is None
    assert cache.ttl("cache:user:2") > 3500


def test_naive_fails_with_redis(example: ModuleType, own_server: Server, db: sqlite3.Connection) -> None:
    cache = redis.Redis.from_url(own_server.url)
    assert example.get_user(cache, db, "1")[1] == "Ada"
    own_server.kill()
    with pytest.raises(redis.ConnectionError):
        example.get_user(cache, db, "1")
