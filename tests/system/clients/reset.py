"""Runs in a machine: argv[1] connections to 127.0.0.1, port argv[2], each reset after argv[3] milliseconds."""

import socket
import struct
import sys
import time

COUNT, PORT, MILLISECONDS = map(int, sys.argv[1:])
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger

for number in range(COUNT):
    connection = socket.create_connection(("127.0.0.1", PORT), 20, (f"127.0.{1 + number % 60}.1", 0))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    time.sleep(MILLISECONDS / 1000)
    connection.close()
