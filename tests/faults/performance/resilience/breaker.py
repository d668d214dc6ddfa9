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
        return ", ".join({read() for _ in range(10)})

    def write() -> str:
        def store() -> str:
            cache.set("demo:name", "Ada from Redis", ex=60)
            return "stored"

        return str(breaker.call(lambda: sent(store), lambda: instead("not stored")))

    def stored_and_read() -> Any:
        if (found := write()) != "stored":
            raise RuntimeError(found)
        return read()

    found = again(lambda: None, stored_and_read)
    return {"read": read, "ten": ten, "write": write, "again": found, "counts": lambda: dict(counts)}
