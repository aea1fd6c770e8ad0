"""Runs in a machine: how long a client of port argv[1] waits for the server's greeting. Clients are asked who they are,
as argv[3] says: `proxy`, they say it in a PROXY header; `ident`, their machine does.

First alone, then behind argv[2] others that have connected and of whom nothing is heard. Prints the median of a few
tries of each in a JSON object, in seconds, and how many of the silent ones were still there at the end.
"""

import json
import socket
import statistics
import sys
import time

PORT, SILENT = map(int, sys.argv[1:3])
PROXIED = sys.argv[3] == "proxy"
TRIES = 9
HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n"
SETTLED = 3  # seconds after which all the silent ones are being listened to
PROMPT, MUTE = "127.0.0.2", "127.0.0.3"  # without an ident server, and with one that takes a question and is silent


def connect(source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", PORT), 60, (source, 0))


def seconds() -> float:
    begin = time.monotonic()
    with connect(PROMPT) as client:
        if PROXIED:
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


with socket.create_server((MUTE, 113), backlog=4096):
    alone = statistics.median(seconds() for _ in range(TRIES))
    silent = [connect(MUTE) for _ in range(SILENT)]
    time.sleep(SETTLED)
    behind = statistics.median(seconds() for _ in range(TRIES))
    print(json.dumps({"alone": alone, "behind": behind, "silent": sum(map(goes_on, silent))}))
