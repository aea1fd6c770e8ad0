"""What passes between this process and systemd: sockets at the start, its state after that.

The only module that imports systemd-python, and only when there is a systemd to talk to: with --listen
sockgated runs without either.
"""

import os
from collections.abc import Callable
from contextlib import suppress

from ..connection.log import clean
from ..core.errors import SystemFailure

HINT = "install the package python3-systemd"


def inherited_sockets() -> list[int]:
    """The descriptors of the socket units, closed at exec. Raises SystemFailure."""
    try:
        from systemd.daemon import listen_fds
    except ImportError as error:
        raise SystemFailure(f"unable to take the sockets from systemd: {error}", HINT) from None
    return list(listen_fds())


class Notifier:
    """Tells systemd how things stand (sd_notify(3)). Does nothing if no service manager asked for it."""

    def __init__(self, environment: dict[bytes, bytes]) -> None:
        """Raises SystemFailure."""
        self._notify = find_notify() if b"NOTIFY_SOCKET" in environment else None
        self._spare = -1
        self._keep_descriptor()

    def send(self, *lines: str) -> str:
        """Returns why that was not possible; nothing if it was.

        Each is cleaned: a line break in a file's name would make another line of it, which systemd would obey.
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
        """Each notification takes one for a moment: above all that none is left is to be known."""
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
