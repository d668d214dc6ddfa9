"""What programs that only make a client are held to when a condition is over."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 10  # seconds


def again(write: Callable[..., object], read: Callable[[], Any]) -> Callable[..., Any]:
    """Return what writes and reads until both are answered: the client finds Redis by itself."""

    def until_it_works(*arguments: str) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                write(*arguments)
                return read()
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    return until_it_works
