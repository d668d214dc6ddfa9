"""Two releases with two schemas side by side, in Python."""

import sqlite3
from types import ModuleType
from typing import Any

import pytest

OLD_USER = {"id": "1", "name": "Ada", "email": "ada@example.com"}
NEW_USER = {**OLD_USER, "plan": "pro"}


@pytest.fixture
def releases(example: ModuleType, redis_url: str) -> tuple[Any, Any]:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, plan TEXT)")
    db.execute("INSERT INTO users VALUES ('1', 'Ada', 'ada@example.com', 'pro')")
    db.commit()
    cache = example.connect(redis_url)
    return example.Users(cache, db, example.OLD), example.Users(cache, db, example.NEW)


def test_new_schema_does_not_read_old_values(releases: tuple[Any, Any]) -> None:
    old, new = releases
    assert old.get("1") == OLD_USER
    assert new.get("1") == NEW_USER  # not the old value with an invented plan
    new.cache.set("cache:v2:user:1", new.cache.get("cache:user:1"))  # and not if it lies under the new key
    assert new.get("1") == NEW_USER
    assert (old.stats["database reads"], new.stats["database reads"]) == (1, 2)


def test_old_and_new_release_run_side_by_side(releases: tuple[Any, Any]) -> None:
    old, new = releases
    for _ in range(2):
        assert (old.get("1"), new.get("1")) == (OLD_USER, NEW_USER)
    assert (old.stats["database reads"], new.stats["database reads"]) == (1, 1)  # neither evicts the other's value
    for writer, name in ((old, "Ada King"), (new, "Ada Lovelace")):
        writer.rename("1", name)
        assert old.get("1")["name"] == new.get("1")["name"] == name
    assert sorted(old.cache.scan_iter()) == ["cache:user:1", "cache:v2:user:1"]


def test_value_of_a_newer_schema_is_a_miss(releases: tuple[Any, Any]) -> None:
    old, new = releases
    newer = '{"schema":3,"id":"1","name":{"given":"Ada"}}'
    for release, key in ((old, "cache:user:1"), (new, "cache:v2:user:1")):
        release.cache.set(key, newer)
        assert release.get("1")["email"] == "ada@example.com"
        assert release.stats["newer schema"] == 1
        assert release.cache.get(key) == newer  # left to those who can read it
        release.rename("1", "Ada Lovelace")
        assert release.cache.get(key) is None  # a write still deletes it


def test_corrupt_value_of_no_schema_is_overwritten(releases: tuple[Any, Any]) -> None:
    _, new = releases
    corrupt = (
        b"\xff\xfe", "", "{", "null", "[]", '{"schema":"x"}', '{"schema":null}', '{"schema":2,"id":1}', '{"schema":2}',
        '{"schema":NaN}', '{"schema":1e999}', '{"schema":2.0}', "NaN",
    )  # fmt: skip
    for count, value in enumerate(corrupt, 1):
        new.cache.set("cache:v2:user:1", value)
        assert new.get("1") == NEW_USER
        assert new.stats["corrupt values"] == count
        assert new.cache.get("cache:v2:user:1").startswith('{"schema":2,"id":"1"')
    for hostile in ("2", "1 OR 1=1", "1' OR '1'='1", "*", "ключ\n", "x" * 10_000):
        assert new.get(hostile) is None
    assert new.cache.get("cache:v2:user:*") == "missing"


def test_release_that_deletes_only_its_own_key_leaves_the_other_stale(
    example: ModuleType, releases: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = releases
    monkeypatch.setattr(example, "ALIVE", (example.OLD,))  # as it was written before anyone thought of NEW
    new.get("1")
    old.rename("1", "Ada Lovelace")
    assert new.get("1")["name"] == "Ada"
