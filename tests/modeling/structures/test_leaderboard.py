"""What the page on structures claims of sorted sets."""

from types import ModuleType
from typing import Any

import pytest
import redis

from harness.servers import Server


@pytest.fixture
def cache(example: ModuleType, redis_url: str) -> redis.Redis:
    cache: redis.Redis = example.connect(redis_url)
    for number in range(1, 26):
        example.score(cache, "chess", f"player {number}", number * 10)
    return cache


def test_top10_is_highest_first(example: ModuleType, cache: redis.Redis) -> None:
    best = example.top(cache, "chess")
    assert [score for _, score in best] == list(range(250, 150, -10))
    assert best[0][0] == "player 25"
    assert example.top(cache, "chess", 0) == []
    assert len(example.top(cache, "chess", 100)) == 25


def test_zrange_without_rev_returns_the_lowest(example: ModuleType, cache: redis.Redis) -> None:
    lowest: Any = cache.zrange(example.board_key("chess"), 0, 9, withscores=True)
    assert [score for _, score in lowest] == list(range(10, 110, 10))


def test_place_counts_from_the_best(example: ModuleType, cache: redis.Redis) -> None:
    assert example.place(cache, "chess", "player 25") == 1
    assert example.place(cache, "chess", "player 1") == 25
    assert example.place(cache, "chess", "nobody") is None
    example.score(cache, "chess", "player 1", 1000)
    assert example.place(cache, "chess", "player 1") == 1


def test_equal_scores_are_ordered_by_member(example: ModuleType, cache: redis.Redis) -> None:
    cache.delete(example.board_key("go"))
    for player in ("edsger", "ada", "grace"):
        example.score(cache, "go", player, 5)
    assert [player for player, _ in example.top(cache, "go")] == ["grace", "edsger", "ada"]


def test_points_refused_by_a_replica_leave_the_connection(example: ModuleType, own_server: Server) -> None:
    cache = example.connect(own_server.url)
    before = cache.client_id()
    cache.replicaof("127.0.0.1", "1")
    with pytest.raises(redis.ReadOnlyError):
        example.score(cache, "chess", "ada", 1)
    assert cache.client_id() != before
