"""Runs inside the machine: asks every port from every address and prints what came back, as JSON.

argv[1] is [sources, TCP ports and whether each is talked to, UDP ports, addresses of the machine by family]. What a
service says is read to its end, or to as much as chargen ever shows.
"""

import contextlib
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

MOST = 65536
CHARGEN = 1480  # twenty lines; it goes on for ever
SILENCE = 3.0  # seconds without an answer to a datagram
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
                    with contextlib.suppress(OSError):  # it may have closed already
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


def ask_by_datagram(port: int) -> dict[str, str | None]:
    """One client after the other: xinetd throws away what waits behind a datagram that it refused."""
    return {f"{port} {source}": datagram_answer(source, port) for source in sources}


def datagram_answer(source: str, port: int) -> str | None:
    with socket.socket(family_of(source), socket.SOCK_DGRAM) as client:
        client.bind((source, 0))
        client.settimeout(SILENCE)
        for target in targets[str(int(family_of(source)))][:1]:
            client.sendto(b"x", (target, port))
        try:
            return client.recv(MOST).decode("latin-1")
        except TimeoutError:
            return None


sources, ports, datagram_ports, targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(4) as threads:
    questions = [(source, int(port), talk) for port, talk in ports.items() for source in sources]
    answers = threads.map(ask, *zip(*questions, strict=True))
    told = {f"{port} {source}": answer for (source, port, _), answer in zip(questions, answers, strict=True)}
with ThreadPoolExecutor(len(datagram_ports)) as threads:
    for answers_of_one in threads.map(ask_by_datagram, datagram_ports):
        told |= answers_of_one
json.dump(told, sys.stdout)
