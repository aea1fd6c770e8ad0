"""Prints what a service answers to one message (udp, echo), or says to the end (tcp, unix): KIND ADDRESS [PORT]."""

import socket
import sys

kind, address, *port = sys.argv[1:]
if kind == "unix":
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    target: "tuple[str, int] | str" = address
else:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    target = (address, int(port[0]))
client.settimeout(5)
try:
    client.connect(target)
    if kind in ("udp", "echo"):
        client.send(b"hello\n")
        print(client.recv(2000))
    else:
        client.shutdown(socket.SHUT_WR)
        data = b""
        while len(data) < 1000 and (more := client.recv(500)):
            data += more
        print(data[:1000])
except OSError as error:
    print(type(error).__name__)
