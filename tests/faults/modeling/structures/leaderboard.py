"""What a leaderboard can be told to do."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    cache = program.connect(url)

    def score(game: str, player: str) -> None:
        program.score(cache, game, player, 10)

    def place(game: str, player: str) -> str | None:
        found = program.place(cache, game, player)
        return found and str(found)

    def score_and_place(game: str, player: str) -> str | None:
        score(game, player)
        return place(game, player)

    return {
        "score": score,
        "top": lambda game: ",".join(player for player, _ in program.top(cache, game)) or None,
        "place": place,
        "score and place": score_and_place,
        "counts": dict,
    }
