"""What a profile can be told to do."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)

    def save(user_id: str, name: str) -> None:
        program.save(cache, program.Profile(user_id, name, "ada@example.com"))

    def load(user_id: str) -> str | None:
        profile = program.load(cache, user_id)
        return profile and str(profile.name)

    def save_and_load(user_id: str, name: str) -> str | None:
        save(user_id, name)
        return load(user_id)

    return {
        "save": save,
        "load": load,
        "visit": lambda user_id: program.visit(cache, user_id),
        "save and load": save_and_load,
        "counts": dict,
    }
