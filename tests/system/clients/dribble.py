"""Runs in a machine: sends each of argv[4:] (in hex) from argv[1] to argv[2], port argv[3], one byte each 0.1 s.

All side by side; the last byte comes in one segment with an EHLO. Prints a JSON list of what was received over each, up
to the end of the reply to that.
"""

import concurrent.futures
import contextlib
import json
import socket
import sys
import time

PATIENCE = 60

source, destination, port, *headers = sys.argv[1:]


def send_slowly(header: bytes) -> str:
    received = b""
    with (
        socket.create_connection((destination, int(port)), PATIENCE, (source, 0)) as connection,
        contextlib.suppress(ConnectionError),  # refused before it has said all
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(header) - 1):
            connection.sendall(header[at : at + 1])
            time.sleep(0.1)
        connection.sendall(header[-1:] + b"EHLO client.example.test\r\n")
        while b"\n250 " not in received and (chunk := connection.recv(4096)):
            received += chunk
    return received.decode("latin-1")


with concurrent.futures.ThreadPoolExecutor(len(headers)) as pool:
    print(json.dumps(list(pool.map(send_slowly, map(bytes.fromhex, headers)))))
