# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A sorted set as a leaderboard: the best first, and the place of one player."""

import os
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry


def connect(url: str) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=100,  # commands under way at once; the next one waits,
        timeout=2,  # so long, and then the process is busy, not Redis away
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,  # and no server may stretch it by a push:
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), retries=0),  # a repeated ZINCRBY would add the points twice
    )
    return redis.Redis.from_pool(pool)


def perform(cache: redis.Redis, command: Any, *args: Any, **options: Any) -> Any:
    """Redis alone has this, so whatever fails is the caller's to know."""
    try:
        return command(*args, **options)
    except redis.ReadOnlyError:  # its address may lead elsewhere now
        cache.connection_pool.disconnect(inuse_connections=False)
        raise


# --8<-- [start:leaderboard]
def board_key(game: str) -> str:
    return f"leaderboard:{game}"


def score(cache: redis.Redis, game: str, player: str, points: float) -> None:
    """Add points to what a player has; a new player begins at 0."""
    perform(cache, cache.zincrby, board_key(game), points, player)


def top(cache: redis.Redis, game: str, count: int = 10) -> Any:
    """Return players and scores, the highest first: ZRANGE … REV WITHSCORES."""
    if count < 1:
        return []  # an end of -1 would mean all of them
    best = {"desc": True, "withscores": True}
    return perform(cache, cache.zrange, board_key(game), 0, count - 1, **best)


def place(cache: redis.Redis, game: str, player: str) -> int | None:
    """Return 1 for the best, None for somebody who has not played."""
    rank = perform(cache, cache.zrevrank, board_key(game), player)
    return None if rank is None else int(rank) + 1


# --8<-- [end:leaderboard]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    cache.delete(board_key("chess"))
    for player, points in {"ada": 1500, "grace": 1200, "edsger": 1350, "barbara": 1425}.items():
        score(cache, "chess", player, points)
    score(cache, "chess", "grace", 400)
    for player, points in top(cache, "chess", 3):
        print(f"{place(cache, 'chess', player)}. {player} {points:.0f}")
    print("without REV, first comes", cache.zrange(board_key("chess"), 0, 2)[0])


if __name__ == "__main__":
    main()
