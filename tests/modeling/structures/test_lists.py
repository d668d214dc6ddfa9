"""Jobs in a list, and a worker that dies with one."""

import redis


def test_popped_job_is_lost_with_its_worker(redis_url: str) -> None:
    cache = redis.Redis.from_url(redis_url, decode_responses=True)
    cache.rpush("jobs:mail", "to Ada")
    worker = redis.Redis.from_url(redis_url, decode_responses=True)
    assert worker.lpop("jobs:mail") == "to Ada"
    worker.close()  # dies before the mail is sent
    assert list(cache.scan_iter()) == []


def test_moved_job_outlives_its_worker(redis_url: str) -> None:
    cache = redis.Redis.from_url(redis_url, decode_responses=True)
    cache.rpush("jobs:mail", "to Ada")
    worker = redis.Redis.from_url(redis_url, decode_responses=True)
    assert worker.lmove("jobs:mail", "jobs:mail:taken", "LEFT", "RIGHT") == "to Ada"
    worker.close()
    assert cache.lrange("jobs:mail:taken", 0, -1) == ["to Ada"]
