"""Saying the same thing once a minute, however often it happens."""

from collections.abc import Callable
from time import monotonic

SECONDS = 60.0


class Seldom:
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last: dict[str, float] = {}  # by message; there are few different ones
        self._unsaid: dict[str, int] = {}

    def __call__(self, message: str) -> None:
        now = monotonic()
        if now - self._last.get(message, -SECONDS) < SECONDS:
            self._unsaid[message] = self._unsaid.get(message, 0) + 1
            return
        self._last[message] = now
        times = self._unsaid.pop(message, 0)
        self._say(f"{message}, {times} times more since the last report" if times else message)
