"""What the write-behind page says of queues that lose, shown to be so."""

from pathlib import Path
from types import ModuleType
from typing import Any

import redis


def test_publish_without_subscriber_is_lost(example: ModuleType, redis_url: str) -> None:
    cache: Any = redis.Redis.from_url(redis_url, decode_responses=True)
    assert example.save_by_publishing(cache, "1", {"pen": 1}) == 0
    with cache.pubsub() as late:
        late.subscribe("channel:carts")
        assert late.get_message(timeout=5)["type"] == "subscribe"
        assert example.save_by_publishing(cache, "1", {"pen": 2}) == 1
        assert late.get_message(timeout=5)["data"] == '{"id": "1", "data": {"pen": 2}}'  # and the first never comes
        assert late.get_message(timeout=0.1) is None
    assert list(cache.scan_iter()) == []


def test_in_process_queue_is_lost_with_its_process(example: ModuleType, tmp_path: Path) -> None:
    assert example.lose_a_process(str(tmp_path / "shop.db")) == ("accepted 5", 0)
