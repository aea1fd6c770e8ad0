"""Carry out the actions of a rule: the nice value, the umask and the keepalives of one server."""

import _socket
import posix

from ..core import SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.actions import Actions


def carry_out(actions: "Actions") -> None:
    """Prepare this process, which becomes the server, and the connection on descriptor 0. Raises SystemFailure."""
    if actions.umask is not None:
        posix.umask(actions.umask)
    if actions.nice:
        try:
            posix.nice(actions.nice)
        except OSError as error:
            raise SystemFailure(f"unable to change the nice value by {actions.nice}: {error.strerror}") from None
    if actions.keepalive:
        switch_keepalive_on()


def switch_keepalive_on() -> None:
    connection = _socket.socket(fileno=0)
    try:
        connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
    except OSError as error:
        raise SystemFailure(f"unable to switch keepalive on: {error.strerror}") from None
    finally:
        connection.detach()
