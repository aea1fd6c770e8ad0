"""Runs in a machine: argv[1] is a JSON list of clients, each (its address, the server's, a port).

All connect at once. Prints a JSON list of those that got through within a second: a packet filter sends no answer.
"""

import json
import select
import socket
import sys
import time

SECONDS = 0.9  # just before the kernel sends its SYN again
IPV6_FREEBIND = 78  # linux/in6.h

poll = select.poll()
clients = []
for source, destination, port in json.loads(sys.argv[1]):
    client = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    if ":" in source:
        client.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    client.bind((source, 0))
    client.setblocking(False)
    client.connect_ex((destination, port))
    poll.register(client, select.POLLOUT)
    clients.append(client)

through = set()
deadline = time.monotonic() + SECONDS
while (left := deadline - time.monotonic()) > 0:
    for descriptor, event in poll.poll(left * 1000):
        if event == select.POLLOUT:
            through.add(descriptor)
        poll.unregister(descriptor)
print(json.dumps([client.fileno() in through for client in clients]))
