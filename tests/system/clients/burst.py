"""Runs in a machine: argv[1] connections to 127.0.0.1, port argv[2], as fast as they can be made.

Prints a JSON object: in how many seconds all were begun, how many of them got a greeting, only an end, or an error.
"""

import collections
import json
import select
import socket
import sys
import time

COUNT, PORT = map(int, sys.argv[1:])
PATIENCE = 60

connections = []
for number in range(COUNT):
    connection = socket.socket()
    connection.setblocking(False)
    connection.bind((f"127.0.{1 + number % 60}.1", 0))
    connections.append(connection)

begin = time.monotonic()
for connection in connections:
    connection.connect_ex(("127.0.0.1", PORT))
seconds = time.monotonic() - begin

poll = select.epoll()
waiting = {connection.fileno(): connection for connection in connections}
for descriptor in waiting:
    poll.register(descriptor, select.EPOLLIN)
outcomes: collections.Counter[str] = collections.Counter()
deadline = begin + PATIENCE
while waiting and time.monotonic() < deadline:
    for descriptor, _ in poll.poll(1):
        try:
            outcomes["served" if waiting[descriptor].recv(100) else "refused"] += 1
        except OSError as error:
            outcomes[type(error).__name__] += 1
        waiting.pop(descriptor).close()
outcomes["unanswered"] += len(waiting)
print(json.dumps({"seconds": seconds, **outcomes}))
