"""What passes between this process and systemd: sockets at the start, its state after that.

The only module that imports systemd-python, and only when there is a systemd to talk to: with --listen
sockgated runs without either.
"""

import os

from ..core.errors import SystemFailure

HINT = "install the package python3-systemd"


def is_listen_process(environment: dict[bytes, bytes]) -> bool:
    """Whether systemd passed sockets to this very process (sd_listen_fds(3))."""
    return environment.get(b"LISTEN_PID") == b"%d" % os.getpid()


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
        if self._wanted:
            self.send()  # so that a package which is missing is noticed at the start

    def send(self, *lines: str) -> None:
        if not self._wanted:
            return
        try:
            from systemd.daemon import notify
        except ImportError as error:
            raise SystemFailure(f"unable to talk to systemd: {error}", HINT) from None
        notify("\n".join(lines) or "STATUS=starting")
