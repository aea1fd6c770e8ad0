"""What services say: from argv a list of questions as JSON, [kind, address, port, said, expected] each; all at once.

Kinds are "tcp", "bootp", "talk" and "client". The servers of "bootp" and "talk" answer to the address that the message
names. What is said of a "client" is a shell script that starts a program of Debian, at a terminal (inetd_clients.py).
Prints one answer for each: what came until the expected text, "refused", or the name of another error.
"""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

SECONDS = 20
CLIENT_SECONDS = 60
HARDWARE = bytes.fromhex("020000000001")  # as in bootptab
BOOTPC = 68


def tcp(address: str, port: int, said: bytes, expected: bytes) -> bytes:
    with socket.create_connection((address, port), SECONDS) as client:
        client.sendall(said)
        data = b""
        while expected not in data and (more := client.recv(2000)):
            data += more
        return data


def datagram(own_port: int = 0) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(SECONDS)
    client.bind(("127.0.0.1", own_port))
    return client


def talk(address: str, port: int, said: bytes, expected: bytes) -> bytes:
    """LOOK_UP of protocols/talkd.h: whether root has been invited."""
    with datagram() as client:
        own = struct.pack("!HH4s8x", socket.AF_INET, client.getsockname()[1], socket.inet_aton("127.0.0.1"))
        client.connect((address, port))
        client.send(struct.pack("!BBBBI16s16si12s12s16s", 1, 1, 0, 0, 1, own, own, 1, b"root", b"root", b""))
        return client.recv(2000)


def bootp(address: str, port: int, said: bytes, expected: bytes) -> bytes:
    """A BOOTREQUEST (RFC 951) of a client that knows its address."""
    own = socket.inet_aton("127.0.0.1")
    with datagram(BOOTPC) as client:
        client.connect((address, port))
        client.send(struct.pack("!BBBBIHH4s4x4x4x16s64x128x64x", 1, 1, 6, 0, 1, 0, 0, own, HARDWARE))
        return client.recv(2000)


def client(address: str, port: int, said: bytes, expected: bytes) -> bytes:
    """What a program prints on its terminal. It is ended as soon as that is there."""
    words = (address, f"[{address}]", "six") if ":" in address else (address, address, "four")
    own, terminal = os.openpty()
    command = ["setsid", "--ctty", "--wait", "sh", "-c", said.decode(), "client", *words]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    data = b""
    deadline = time.monotonic() + CLIENT_SECONDS
    with contextlib.suppress(OSError):  # the program has ended
        while expected not in data and select.select([own], [], [], max(0, deadline - time.monotonic()))[0]:
            data += os.read(own, 4096)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    os.close(own)
    process.wait()
    return data


def ask(question: "tuple[str, str, int, str, str]") -> str:
    kind, address, port, said, expected = question
    ways = {"tcp": tcp, "talk": talk, "bootp": bootp, "client": client}
    try:
        return ways[kind](address, port, said.encode("latin-1"), expected.encode("latin-1")).decode("latin-1")
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return type(error).__name__


questions = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(questions)) as pool:
    print(json.dumps(list(pool.map(ask, questions))))
