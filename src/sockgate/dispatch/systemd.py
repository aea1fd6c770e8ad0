"""What passes between this process and systemd: sockets at the start, its state after that.

The only module that imports systemd-python, and only when there is a systemd to talk to: with --listen
sockgated runs without either.
"""

import os
from contextlib import suppress

from ..core.errors import SystemFailure
from .servers.vfork_server import OVERLOADED

HINT = "install the package python3-systemd"


def inherited_sockets() -> list[int]:
    """The descriptors of the socket units, closed at exec. Raises SystemFailure."""
    try:
        from systemd.daemon import listen_fds
    except ImportError as error:
        raise SystemFailure(f"unable to take the sockets from systemd: {error}", HINT) from None
    return list(listen_fds())


class Notifier:
    """Tells systemd how things stand (sd_notify(3)); does nothing where nobody asked."""

    def __init__(self, environment: dict[bytes, bytes]) -> None:
        """Raises SystemFailure."""
        self._wanted = b"NOTIFY_SOCKET" in environment
        self._spare = -1
        if self._wanted:
            self.send()  # so that a package which is missing is noticed at the start

    def send(self, *lines: str) -> None:
        if not self._wanted:
            return
        try:
            from systemd.daemon import notify
        except ImportError as error:
            raise SystemFailure(f"unable to talk to systemd: {error}", HINT) from None
        self._free_descriptor()
        try:
            notify("\n".join(lines) or "STATUS=starting")
        except OSError as error:
            if error.errno not in OVERLOADED:
                raise
        self._keep_descriptor()

    def _free_descriptor(self) -> None:
        """Each notification takes one for a moment: above all that none is left is to be known."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def _keep_descriptor(self) -> None:
        with suppress(OSError):
            self._spare = os.open("/dev/null", os.O_RDONLY)
