"""Runs in a machine: opens the connections that argv[1] names, one after the other, and keeps them all to the end.

argv[1] is a list of [source, destination, port]; the output is a list of the first line that came over each.
"""

import contextlib
import json
import socket
import sys

PATIENCE = 30

with contextlib.ExitStack() as stack:
    lines = []
    for source, destination, port in json.loads(sys.argv[1]):
        connection = socket.create_connection((destination, port), PATIENCE, (source, 0))
        stack.enter_context(connection)
        with connection.makefile("rb") as reader:
            lines.append(reader.readline().decode("latin-1"))
    print(json.dumps(lines))
