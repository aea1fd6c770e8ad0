"""Runs in a machine: connects argv[4] times from argv[1] to argv[2], port argv[3], and says nothing.

Prints a JSON list of what came each time: [own port, text].
"""

import json
import socket
import sys

source, destination, port, times = sys.argv[1:]


def listen() -> tuple[int, str]:
    with socket.create_connection((destination, int(port)), 20, (source, 0)) as connection:
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
        return connection.getsockname()[1], received.decode("latin-1")


print(json.dumps([listen() for _ in range(int(times))]))
