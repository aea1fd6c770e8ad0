"""Writing without waiting for a reader."""

import _socket


def send_now(connection: _socket.socket, data: bytes) -> bytes:
    """Send what the client takes now. Returns the rest, nothing if the client does not read any more."""
    try:
        while data:
            data = data[connection.send(data, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL) :]
    except BlockingIOError:
        return data
    except OSError:
        return b""
    return b""
