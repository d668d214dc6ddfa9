"""What analytics can be told to do."""

from datetime import date, timedelta
from types import ModuleType
from typing import Any

MONDAY = date(2026, 11, 23)


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)
    seen = program.Views(cache)

    def report(day: date = MONDAY) -> str:
        views, people, best = program.report(cache, day)
        return " ".join(map(str, (views, people, *(page for page, _ in best))))

    def record(page_id: str, visitor: str) -> None:
        seen.record(MONDAY, page_id, visitor)

    def record_elsewhere(page_id: str, visitor: str) -> str:
        tuesday = MONDAY + timedelta(days=1)
        seen.record(tuesday, page_id, visitor)
        return report(tuesday)

    return {
        "record": record,
        "report": report,
        "record elsewhere": record_elsewhere,
        "counts": lambda: dict(seen.stats),
    }
