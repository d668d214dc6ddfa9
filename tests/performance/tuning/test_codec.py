"""What the tuning page claims of compressed values."""

import json
import random
import zlib
from types import ModuleType

import pytest
import redis

PAGE = json.dumps([{"id": number, "name": f"Laptop {number}"} for number in range(5000)]).encode()


NOISE = random.Random(1).randbytes(5000)


@pytest.mark.parametrize("data", [b"", b"x", b"\x00\x01", b"x" * 1023, b"x" * 1024, PAGE, NOISE])
def test_round_trip(example: ModuleType, redis_url: str, data: bytes) -> None:
    client = redis.Redis.from_url(redis_url)
    client.set("cache:page:1", example.encode(data))
    assert example.decode(client.get("cache:page:1")) == data


def test_small_values_not_compressed(example: ModuleType) -> None:
    assert example.encode(b"x" * 1023) == b"\x00" + b"x" * 1023
    small = b'{"id": 1, "name": "Ada", "email": "ada@example.com"}'
    assert len(zlib.compress(small, wbits=31)) > len(small)  # what compressing it would have brought


def test_big_values_shrink_to_less_than_a_quarter(example: ModuleType) -> None:
    stored = example.encode(PAGE)
    assert stored[:1] == b"\x01"
    assert len(stored) < len(PAGE) / 4


def test_what_does_not_shrink_is_stored_plain(example: ModuleType) -> None:
    assert example.encode(NOISE) == b"\x00" + NOISE


@pytest.mark.parametrize(
    "stored",
    [None, b"", b"\x09abc", b"\x09" + zlib.compress(PAGE), b'{"id": 1}', b"\x01", b"\x01not zlib", b"\x1f\x8b"],
)
def test_unknown_codec_is_a_miss(example: ModuleType, stored: bytes | None) -> None:
    assert example.decode(stored) is None


def test_decode_responses_cannot_read_compressed_values(example: ModuleType, redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    client.set("cache:page:1", example.encode(PAGE))
    with pytest.raises(UnicodeDecodeError):
        client.get("cache:page:1")
