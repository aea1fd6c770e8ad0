"""Clients that come one after the other and stay, until a limit is reached; run inside a machine.

PORT SOURCE,... PATIENCE: JSON of what each met, what those that had to wait met once the first that was served had
gone, what a newcomer met then, who tries for PATIENCE seconds, and how long it took to let all of them try.
"""

import json
import socket
import sys
import time

ANSWER_SECONDS = 1.5
port, sources, patience = int(sys.argv[1]), sys.argv[2].split(","), float(sys.argv[3])


def enter(source: str) -> tuple[socket.socket, str]:
    client = socket.socket()
    client.bind((source, 0))
    client.settimeout(ANSWER_SECONDS)
    try:
        client.connect(("127.0.0.1", port))
        client.sendall(b"x\n")
    except ConnectionRefusedError:
        return client, "no listener"
    except OSError:
        return client, "closed"
    return client, answer(client)


def answer(client: socket.socket) -> str:
    try:
        text = client.recv(100).decode().strip()
    except TimeoutError:
        return "waits"
    except OSError:
        return "closed"
    return "served" if text.startswith(("x", "+OK")) else text or "closed"


def newcomer() -> str:
    """What a client that tries again and again meets in the end."""
    deadline = time.monotonic() + patience
    while True:
        client, met = enter(sources[0])
        client.close()
        if met == "served" or time.monotonic() > deadline:
            return met
        time.sleep(0.2)


start = time.monotonic()
entered = [enter(source) for source in sources]
seconds = time.monotonic() - start
next((client for client, met in entered if met == "served"), entered[0][0]).close()
later = [answer(client) for client, met in entered if met == "waits"]
print(json.dumps({"met": [met for _, met in entered], "later": later, "newcomer": newcomer(), "seconds": seconds}))
