"""What tags can be told to do."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)

    def has(article_id: str, name: str) -> str:
        return "yes" if program.has(cache, article_id, name) else "no"

    def tag(article_id: str, name: str) -> None:
        program.tag(cache, article_id, {name})

    def tag_and_ask(article_id: str, name: str) -> str:
        tag(article_id, name)
        return has(article_id, name)

    return {
        "has": has,
        "tag": tag,
        "shared": lambda *article_ids: ",".join(program.shared(cache, *article_ids)) or None,
        "tag and ask": tag_and_ask,
        "counts": dict,
    }
