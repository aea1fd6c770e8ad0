"""Runs inside the machine: connects from every address to every port and prints what came back, as JSON."""

import json
import socket
import sys


def ask(source: str, port: int, targets: dict[str, list[str]]) -> str | None:
    """What the service says to this client; None if no address of the machine takes the connection."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    for target in targets[str(int(family))]:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(20)
            client.bind((source, 0))
            try:
                client.connect((target, port))
                return b"".join(iter(lambda: client.recv(65536), b"")).decode("latin-1")
            except ConnectionRefusedError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return ""
    return None


sources, ports, targets = json.loads(sys.argv[1])
json.dump({f"{port} {source}": ask(source, port, targets) for port in ports for source in sources}, sys.stdout)
