"""What sessions can be told to do. Each user signs in once; the token is kept here, as a browser would."""

from types import ModuleType
from typing import Any


def operations(program: ModuleType, url: str, database: str) -> dict[str, Any]:
    """Return its operations by name."""
    sessions = program.Sessions(program.connect(url))
    tokens: dict[str, str] = {}

    def sign_in(user_id: str) -> str:
        tokens[user_id] = sessions.create(user_id)
        return "a token"

    def who(user_id: str) -> Any:
        return sessions.user_of(tokens[user_id])

    def sign_in_and_ask(user_id: str) -> Any:
        sign_in(user_id)
        return who(user_id)

    return {
        "sign in": sign_in,
        "who": who,
        "active": lambda user_id: str(len(sessions.active(user_id))),
        "sign out": lambda user_id: sessions.end(tokens[user_id]),
        "sign out everywhere": sessions.end_all,
        "sign in and ask": sign_in_and_ask,
        "counts": dict,
    }
