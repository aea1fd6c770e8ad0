"""Runs in a machine: argv[2] sessions with `obey` on 127.0.0.1, port argv[1], argv[3] at a time.

Each tells the server how to end, one of the words argv[4:] after the other; some come from 127.0.0.9. Prints a JSON
list with, for each: source, port, word, whether it was greeted, and the seconds from the greeting to the end.
"""

import concurrent.futures
import json
import socket
import sys
import time

PORT, COUNT, PARALLEL = map(int, sys.argv[1:4])
WORDS = sys.argv[4:]
REFUSED = "127.0.0.9"
used: set[int] = set()


def fresh_socket(source: str) -> socket.socket:
    """Bound to a port that none of these sessions had before: ports tell them apart."""
    while True:
        client = socket.socket()
        client.bind((source, 0))
        port = client.getsockname()[1]
        if port not in used:
            used.add(port)
            return client
        client.close()


def session(number: int) -> dict[str, str | int | float | bool]:
    source = REFUSED if number % 5 == 4 else "127.0.0.1"
    word = WORDS[number % len(WORDS)]
    with fresh_socket(source) as client:
        client.settimeout(60)
        port = client.getsockname()[1]
        client.connect(("127.0.0.1", PORT))
        try:
            greeted = client.recv(100) == b"ready\n"
        except ConnectionResetError:
            greeted = False
        begin = time.monotonic()
        if greeted:
            time.sleep(number % 7 * 0.05)
            client.sendall(word.encode() + b"\n")
            client.recv(100)
        return {
            "source": source, "port": port, "word": word, "greeted": greeted, "seconds": time.monotonic() - begin,
        }  # fmt: skip


with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
    print(json.dumps(list(pool.map(session, range(COUNT)))))
