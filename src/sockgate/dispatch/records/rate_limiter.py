"""Log a message that is repeated often only once a minute."""

from time import monotonic

SECONDS = 60.0


class RateLimiter:
    """Counts messages, and passes each one on only from time to time."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}  # by message; there are only a few different ones
        self._unsaid: dict[str, int] = {}

    def pass_on(self, message: str) -> str:
        """The message to log now. Empty if it was logged a short time ago."""
        now = monotonic()
        if now - self._last.get(message, -SECONDS) < SECONDS:
            self._unsaid[message] = self._unsaid.get(message, 0) + 1
            return ""
        self._last[message] = now
        times = self._unsaid.pop(message, 0)
        return f"{message}, {times} times more since the last report" if times else message
