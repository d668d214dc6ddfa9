# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Compress big values only, and say in the first byte how each is stored."""

import json
import os
import zlib

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry


def connect(url: str) -> redis.Redis:  # differs: bytes
    """Make the one client that the whole process shares. Times are in seconds."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # the database is the second try
    )
    return redis.Redis.from_pool(pool)


# --8<-- [start:codec]
THRESHOLD = 1024  # bytes; below it, compression costs time and can add bytes
PLAIN, ZLIB = b"\x00", b"\x01"  # a stored value begins with one of these


def encode(data: bytes) -> bytes:
    """Return what to store: compressed if it is big, and if that is shorter."""
    packed = zlib.compress(data) if len(data) >= THRESHOLD else data
    return ZLIB + packed if len(packed) < len(data) else PLAIN + data


def decode(stored: bytes | None) -> bytes | None:  # differs: compressed bytes
    """Return the data, or None for a miss: also where we cannot read the value."""
    if stored is None or stored[:1] not in (PLAIN, ZLIB):
        return None  # nothing there, or written by another release
    try:
        return stored[1:] if stored[:1] == PLAIN else zlib.decompress(stored[1:])
    except zlib.error:
        return None


# --8<-- [end:codec]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    client = connect(url)  # without decode_responses: these are bytes
    small = json.dumps({"id": 1, "name": "Laptop", "price": 99900}).encode()
    page = json.dumps([{"id": number, "name": f"Laptop {number}"} for number in range(5000)]).encode()

    for page_id, data in ("small", small), ("big", page):
        client.set(f"cache:page:{page_id}", encode(data), ex=3600)
        stored = client.get(f"cache:page:{page_id}")
        assert isinstance(stored, bytes)
        size = "less than a quarter" if len(stored) < len(data) / 4 else f"{len(stored)} bytes"
        same = decode(stored) == data
        print(f"{page_id}: {len(data)} bytes, stored in {size}, codec {stored[0]}, same again: {same}")
    client.delete("cache:page:small", "cache:page:big")
    print(f"the small one by gzip: {len(zlib.compress(small, wbits=31))} bytes")
    print("a codec that we do not know:", decode(b"\x09" + small))


if __name__ == "__main__":
    main()
