"""A shop with one product, for the tests of the solution."""

import sqlite3
from types import ModuleType
from typing import Any

import pytest
import redis


@pytest.fixture
def products(example: ModuleType, redis_url: str) -> Any:
    """The products of the example, on an empty Redis."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT, price INTEGER, version INTEGER)")
    db.execute("INSERT INTO products VALUES ('1', 'Mug', 900, 1)")
    db.commit()
    return example.Products(redis.Redis.from_url(redis_url, decode_responses=True), db)
