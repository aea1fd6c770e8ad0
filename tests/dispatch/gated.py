"""Runs the real sockgated on a port of its own, without systemd or with a stand-in for it."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.connection.launch import PLAIN, SOURCE, everything_from

SECONDS = 60.0  # for what takes no second on a quiet machine
LISTENING = re.compile(r"listening on ([^\n]*)")
# Options with which a server is started by vfork(2) although it has limits, or by fork(2); and the three ways to start.
BY_LIMITED_VFORK, BY_FORK = ["--rlimit", "core=0:"], ["--rlimit", "cpu=1000"]
EVERY_START: list[list[str]] = [[], BY_LIMITED_VFORK, BY_FORK]


class Gated:
    """One that runs. Its log is standard error, which is a file."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self._log.read_text()

    def lines(self, pattern: str) -> list[str]:
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def wait_for(self, pattern: str, count: int = 1) -> list[str]:
        """The lines of the log that match, once there are so many."""
        wait_until(lambda: len(self.lines(pattern)) >= count or self.process.poll() is not None, self.log)
        assert len(self.lines(pattern)) >= count, self.log()
        return self.lines(pattern)

    @property
    def addresses(self) -> list[str]:
        """Where it listens."""
        found = LISTENING.search(self.wait_for("listening on")[0])
        assert found
        return found[1].split(", ")

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """A client of the first address."""
        host, _, port = self.addresses[0].rpartition(":")
        target = {"[::]": source, "0.0.0.0": source}.get(host, host.strip("[]"))
        return socket.create_connection((target, int(port)), timeout=SECONDS, source_address=(source, 0))

    def talk(self, source: str = "127.0.0.1", say: bytes = b"") -> bytes:
        """What a client is told."""
        with self.connect(source) as client:
            client.sendall(say)
            return everything_from(client)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def sleeps(self) -> int:
        """How often it has waited for something so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)[0])

    def cpu_seconds(self) -> float:
        """What it has used so far, its children not included."""
        times = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def children(self) -> list[int]:
        """Servers, and what is to become one; not the guardian, which is the first."""
        children = self._all_children()
        return children[1:] if children and command_line(children[0]) == command_line(self.pid) else children

    def guardian(self) -> int:
        return self._all_children()[0]

    def _all_children(self) -> list[int]:
        tasks = Path(f"/proc/{self.pid}/task").glob("*/children")
        return sorted(int(child) for task in tasks for child in task.read_text().split())


def runs(pid: int) -> bool:
    """Whether this process is there, and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def start(
    folder: Path, words: Sequence[str], environment: Mapping[str, str] = PLAIN, *,
    flags: str = "-IS", code: str = "", prelude: str = 'exec "$@"', pass_fds: Sequence[int] = (),
) -> Gated:  # fmt: skip
    """Start sockgated with this command line; `code` runs in it before main(), `prelude` is the shell before it."""
    program = folder / "sockgated"
    text = (SOURCE / "sockgate" / "launcher.in").read_text().replace("\nmain()", f"\n{code}\nmain()")
    values = {"PYTHON": "/usr/bin/python3", "FLAGS": flags, "LIBDIR": str(SOURCE), "MODULE": "dispatch.main"}
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    program.write_text(text)
    program.chmod(0o755)
    log = folder / "log"
    with open(log, "wb") as stderr:
        process = subprocess.Popen(
            ["/bin/sh", "-c", prelude, "sh", str(program), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            env=environment, cwd="/", pass_fds=pass_fds,
        )  # fmt: skip
    return Gated(process, log)


def end(gated: Gated) -> None:
    """Clean up after any end of the test."""
    if gated.process.poll() is None:
        children = gated._all_children()
        gated.process.kill()
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
    gated.process.wait(SECONDS)


def wait_until(condition: Callable[[], object], what: Callable[[], str], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.005)
