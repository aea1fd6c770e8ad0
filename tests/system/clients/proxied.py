"""Runs in a machine: how long a client of 127.0.0.1, port argv[1], that says who it is waits for the server's greeting.

First alone, then behind argv[2] others that have connected and say nothing. Prints the median of a few tries of each
in a JSON object, in seconds, and how many of the silent ones were still there at the end.
"""

import json
import socket
import statistics
import sys
import time

PORT, SILENT = map(int, sys.argv[1:])
TRIES = 9
HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n"


def connect() -> socket.socket:
    return socket.create_connection(("127.0.0.1", PORT), 60)


def seconds() -> float:
    begin = time.monotonic()
    with connect() as client:
        client.sendall(HEADER)
        assert client.recv(100) == b"hello\n"
    return time.monotonic() - begin


def goes_on(client: socket.socket) -> bool:
    client.settimeout(0)
    try:
        client.recv(1)
    except BlockingIOError:
        return True
    return False


alone = statistics.median(seconds() for _ in range(TRIES))
silent = [connect() for _ in range(SILENT)]
time.sleep(3)  # they are all being listened to
behind = statistics.median(seconds() for _ in range(TRIES))
print(json.dumps({"alone": alone, "behind": behind, "silent": sum(map(goes_on, silent))}))
