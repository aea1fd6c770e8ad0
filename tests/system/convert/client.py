"""Runs inside the machine: asks every port from every address and prints what came back, as JSON.

argv[1] is [sources, TCP ports and whether each is talked to, UDP ports, addresses of the machine by family]. What a
service says is read to its end, or to as much as chargen ever shows.
"""

import contextlib
import json
import selectors
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

MOST = 65536
CHARGEN = 1480  # twenty lines; it goes on for ever
QUIET = 4.0  # seconds without an answer to a datagram
PATIENCE = 60.0


def family_of(source: str) -> int:
    return socket.AF_INET6 if ":" in source else socket.AF_INET


def ask(source: str, port: int, talk: bool) -> str | None:
    """What the service says to this client; None if no address of the machine takes the connection."""
    for target in targets[str(int(family_of(source)))]:
        with socket.socket(family_of(source), socket.SOCK_STREAM) as client:
            client.settimeout(PATIENCE)
            client.bind((source, 0))
            try:
                client.connect((target, port))
                if talk:
                    client.sendall(b"hello\n")
                    client.shutdown(socket.SHUT_WR)
                return read(client)
            except ConnectionRefusedError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return ""
    return None


def read(client: socket.socket) -> str:
    data = b""
    while chunk := client.recv(MOST):
        data += chunk
        if b'!"#$%&' in data and len(data) >= CHARGEN:
            return data[:CHARGEN].decode("latin-1")
    return data.decode("latin-1")


def ask_by_datagram(questions: list[tuple[str, int]]) -> dict[str, str | None]:
    """All at once: silence takes its time."""
    answers: dict[str, str | None] = {f"{port} {source}": None for source, port in questions}
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        for source, port in questions:
            for target in targets[str(int(family_of(source)))]:
                client = stack.enter_context(socket.socket(family_of(source), socket.SOCK_DGRAM))
                client.bind((source, 0))
                client.sendto(b"x", (target, port))
                selector.register(client, selectors.EVENT_READ, f"{port} {source}")
            time.sleep(0.02)  # systemd starts a service at most 50 times a second
        last = time.monotonic()
        while time.monotonic() - last < QUIET:
            for key, _ in selector.select(0.5):
                last = time.monotonic()
                answers[key.data] = key.fileobj.recv(MOST).decode("latin-1")  # type: ignore[union-attr]
    return answers


sources, ports, datagram_ports, targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(4) as threads:
    questions = [(source, int(port), talk) for port, talk in ports.items() for source in sources]
    answers = threads.map(ask, *zip(*questions, strict=True))
    told = {f"{port} {source}": answer for (source, port, _), answer in zip(questions, answers, strict=True)}
told |= ask_by_datagram([(source, port) for port in datagram_ports for source in sources])
json.dump(told, sys.stdout)
