"""Where clients come in: open while another one can be served. Else they wait in the kernel's queue."""

from collections.abc import Callable, Sequence
from functools import partial

from ..poller import Loop
from .listener import Listener


class Door:
    """
    paused   nobody is to come in for the moment
    """

    def __init__(self, loop: Loop, listeners: Sequence[Listener], enter: Callable[[Listener], None]) -> None:
        self._loop = loop
        self._listeners = listeners
        self._enter = enter
        self._open = False
        self._closed_for_good = False
        self.paused = False

    def adjust(self, *, full: bool) -> None:
        """Open or close, whichever is right now."""
        wanted = not (full or self.paused or self._closed_for_good)
        if wanted == self._open:
            return
        self._open = wanted
        for listener in self._listeners:
            if wanted:
                self._loop.watch(listener, partial(self._enter, listener))
            else:
                self._loop.unwatch(listener)

    def close_for_good(self) -> None:
        self._closed_for_good = True
