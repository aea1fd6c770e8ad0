"""A network of a test's own, in which an oracle and its clients can have any address.

A thread leaves the network namespace of its process (unshare(2) works on threads). What runs in that thread,
programs that it starts included, has a loopback interface and nothing else, where every address of both families
is local: a client can bind to whichever a rule is about, and no packet can leave.
"""

import contextlib
import ctypes
import os
import selectors
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pytest

Result = TypeVar("Result")

CLONE_FS, CLONE_NEWNS, CLONE_NEWNET = 0x200, 0x20000, 0x40000000  # sched.h
IPV6_FREEBIND = 78  # linux/in6.h: bind to any address of a local route, as IPv4 does without being asked
AT_ONCE = 100  # clients under way at one time
ANSWER_SECONDS = 60.0

NETWORK = """
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
"""
# What is written into it is gone with the namespace. No other process sees this /mnt, so any place would do.
OWN_ETC = """
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
"""


def require(*programs: str) -> None:
    """Skips a test that needs root or a program that is not here."""
    if os.geteuid() != 0:
        pytest.skip("an oracle gets a network namespace of its own: run this as root")
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is missing: run tests/setup")


class Namespace:
    """`with Namespace() as network: network.run(function)` runs the function inside.

    `etc` are files that have another text in /etc inside, or are there only inside.
    """

    def __init__(self, etc: dict[str, str] | None = None) -> None:
        self._etc = etc or {}
        self._thread = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> "Namespace":
        self.run(self._enter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def run(self, function: Callable[[], Result]) -> Result:
        return self._thread.submit(function).result()

    @contextlib.contextmanager
    def running(self, *command: str | Path) -> "Iterator[subprocess.Popen[bytes]]":
        """A program inside, for as long as it is needed."""
        nowhere = subprocess.DEVNULL
        process = self.run(lambda: subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere))
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def wait_for_port(self, address: str, port: int, seconds: float = 60) -> None:
        """Return as soon as a process listens there."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                self.run(lambda: socket.create_connection((address, port)).close())
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"no process listens on {address} port {port}")
            time.sleep(0.02)

    def _enter(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)

        def call(function: str, *arguments: object) -> None:
            if getattr(libc, function)(*arguments):
                raise OSError(ctypes.get_errno(), function)

        call("unshare", CLONE_NEWNET | (CLONE_NEWNS | CLONE_FS if self._etc else 0))
        subprocess.run(["/bin/sh", "-ec", NETWORK], check=True)
        if self._etc:
            subprocess.run(["/bin/sh", "-ec", OWN_ETC], check=True)
        for name, text in self._etc.items():
            Path("/etc", name).write_text(text)


def ask(clients: Sequence[tuple[str, str, int]]) -> list[bytes]:
    """What each client (its address, the server's, a port) is sent until the server closes. Runs inside."""
    answers = [b""] * len(clients)
    with selectors.DefaultSelector() as selector:
        for number, client in enumerate(clients):
            selector.register(connect(*client), selectors.EVENT_READ, number)
            collect(selector, answers, AT_ONCE)
        collect(selector, answers, 0)
    return answers


def connect(source: str, destination: str, port: int) -> socket.socket:
    client = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    if client.family == socket.AF_INET6:
        client.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    client.bind((source, 0))
    client.settimeout(ANSWER_SECONDS)
    client.connect((destination, port))
    return client


def collect(selector: selectors.BaseSelector, answers: list[bytes], most_waiting: int) -> None:
    """Read answers until at most so many clients still wait for theirs."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while len(selector.get_map()) > most_waiting:
        for key, _ in selector.select(0.1):
            client = key.fileobj
            assert isinstance(client, socket.socket)
            data = b""
            with contextlib.suppress(ConnectionResetError):
                data = client.recv(1 << 16)
            answers[key.data] += data
            if not data:
                selector.unregister(client)
                client.close()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(selector.get_map())} clients wait for an answer")
