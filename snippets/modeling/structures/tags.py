# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Sets as tags: what an article is about, and what two articles share."""

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
        retry=Retry(NoBackoff(), retries=0),  # a repeat that comes late would undo another's change
    )
    return redis.Redis.from_pool(pool)


def perform(cache: redis.Redis, command: Any, *args: Any, **options: Any) -> Any:
    """Redis alone has this, so whatever fails is the caller's to know."""
    try:
        return command(*args, **options)
    except redis.ReadOnlyError:  # its address may lead elsewhere now
        cache.connection_pool.disconnect(inuse_connections=False)
        raise


# --8<-- [start:tags]
def tags_key(article_id: str) -> str:
    return f"article:{article_id}:tags"


def tag(cache: redis.Redis, article_id: str, tags: set[str]) -> None:
    """Replace the tags of an article. SADD refuses to add nothing at all."""
    with cache.pipeline(transaction=True) as change:
        change.delete(tags_key(article_id))
        if tags:
            change.sadd(tags_key(article_id), *tags)
        perform(cache, change.execute)


def has(cache: redis.Redis, article_id: str, name: str) -> bool:
    return bool(perform(cache, cache.sismember, tags_key(article_id), name))


def shared(cache: redis.Redis, *article_ids: str) -> list[str]:
    """Return what all have in common, sorted: a set has no order of its own."""
    keys = [tags_key(article_id) for article_id in article_ids]
    return sorted(perform(cache, cache.sinter, keys))


# --8<-- [end:tags]


def main() -> None:
    cache = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    tag(cache, "7", {"redis", "caching", "azure"})
    tag(cache, "8", {"redis", "caching", "python"})
    print("is 7 about python?", has(cache, "7", "python"))
    print("7 and 8 share:", shared(cache, "7", "8"))


if __name__ == "__main__":
    main()
