"""Runs inside the machine: asks every port from every address and prints what came back, as JSON.

argv[1] is [sources, TCP ports and whether each is talked to, UDP ports, their sources, addresses of the machine by
family]. What a service says is read to its end, or to as much as chargen ever shows.
"""

import contextlib
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

MOST = 65536
CHARGEN = 1480  # twenty lines; it goes on for ever
SILENCE = 1.5  # seconds without an answer to a datagram
PAUSE = 0.2
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
    """One client after the other."""
    return {f"{port} {source}": datagram_answer(source, port) for source in datagram_sources}


def datagram_answer(source: str, port: int) -> str | None:
    """Asked twice, after a pause: xinetd throws away what comes before it has noticed that the last server ended."""
    target = targets[str(int(family_of(source)))][0]
    with socket.socket(family_of(source), socket.SOCK_DGRAM) as client:
        client.bind((source, 0))
        client.settimeout(SILENCE)
        for _ in range(2):
            time.sleep(PAUSE)
            client.sendto(b"x", (target, port))
            with contextlib.suppress(TimeoutError):
                return client.recv(MOST).decode("latin-1")
    return None


sources, ports, datagram_ports, datagram_sources, targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(datagram_ports) or 1) as patient, ThreadPoolExecutor(4) as threads:
    by_datagram = patient.map(ask_by_datagram, datagram_ports)
    questions = [(source, int(port), talk) for port, talk in ports.items() for source in sources]
    answers = threads.map(ask, *zip(*questions, strict=True))
    told = {f"{port} {source}": answer for (source, port, _), answer in zip(questions, answers, strict=True)}
    for answers_of_one in by_datagram:
        told |= answers_of_one
json.dump(told, sys.stdout)
