"""What the circuit breaker can be told to do, with the constants of the program's own run."""

from collections import Counter
from types import ModuleType
from typing import Any

from tests.faults.performance.again import again

FALLBACK = "Ada from the database"


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache, breaker = program.connect(url), program.CircuitBreaker(limit=3, wait=2.5)
    counts: Counter[str] = Counter()

    def sent(command: Any) -> Any:
        counts["sent"] += 1
        return command()

    def instead(answer: str) -> str:
        counts["from the database"] += 1
        return answer

    def read() -> Any:
        found = breaker.call(lambda: sent(lambda: cache.get("demo:name")), lambda: instead(FALLBACK))
        return found or "nothing"

    def ten() -> str:
        return "ten answers" if all([read() for _ in range(10)]) else "fewer"

    def not_stored() -> str:
        raise RuntimeError(instead("not stored"))

    def write() -> str:
        def store() -> str:
            cache.set("demo:name", "Ada from Redis", ex=60)
            return "stored"

        return str(breaker.call(lambda: sent(store), not_stored))

    found = {"read": read, "ten": ten, "write": write, "again": again(write, read)}
    return {**found, "counts": lambda: dict(counts)}
