"""Communication with systemd: it passes sockets at the start, and gets the state of this process afterwards.

Only this module imports systemd-python, and only if systemd is there. With --listen, sockgated runs without both.
"""

import os
from collections.abc import Callable
from contextlib import suppress

from ..connection.log import clean
from ..core import SystemFailure

HINT = "install the package python3-systemd"


def inherited_sockets() -> list[int]:
    """The descriptors of the socket units, closed at exec. Raises SystemFailure."""
    try:
        from systemd.daemon import listen_fds
    except ImportError as error:
        raise SystemFailure(f"unable to take the sockets from systemd: {error}", HINT) from None
    return list(listen_fds())


class Notifier:
    """Sends the state to systemd (sd_notify(3)). Does nothing if no service manager asked for it."""

    def __init__(self, environment: dict[bytes, bytes]) -> None:
        """Raises SystemFailure."""
        self._notify = find_notify() if b"NOTIFY_SOCKET" in environment else None
        self._spare = -1
        self._keep_descriptor()

    def send(self, *lines: str) -> str:
        """Send these lines. Returns why that was not possible, or "".

        Each line is cleaned: a line break in the name of a file would start another line, which systemd would obey.
        """
        if self._notify is None:
            return ""
        self._free_descriptor()
        try:
            self._notify("\n".join(map(clean, lines)))
        except OSError as error:
            return f"unable to talk to systemd: {error.strerror}"
        finally:
            self._keep_descriptor()
        return ""

    def _free_descriptor(self) -> None:
        """Close the reserved descriptor. Each notification needs one, also the one that says that none is left."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def _keep_descriptor(self) -> None:
        if self._notify is not None:
            with suppress(OSError):
                self._spare = os.open("/dev/null", os.O_RDONLY)


def find_notify() -> Callable[[str], object]:
    """Raises SystemFailure."""
    try:
        from systemd.daemon import notify
    except ImportError as error:
        raise SystemFailure(f"unable to talk to systemd: {error}", HINT) from None
    found: Callable[[str], object] = notify
    return found
