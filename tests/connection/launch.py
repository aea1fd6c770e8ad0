"""Runs the real launcher on a real socket, in front of a server that writes down everything it was given."""

import contextlib
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
PLAIN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PWD": "/"}

# A shell, because CPython changes signals and environment when it starts; /proc shows what it was given.
DUMP = """
for name in environ cmdline limits; do cat "/proc/$$/$name" > "$1/$name"; done
cat "/proc/$$/fdinfo/0" > "$1/fdinfo"
(exec ls -l "/proc/$$/fd" > "$1/descriptors")
readlink "/proc/$$/cwd" > "$1/cwd"
while read -r line; do printf '%s\\n' "$line"; done < "/proc/$$/status" > "$1/status"
"""
AS_GIVEN = 'exec "$@"'

# 32 and 33 belong to the C library; what its posix_spawn starts ignores them. `make test` is started so.
THREADING_SIGNALS = 0b11 << 31


@dataclass(frozen=True)
class Server:
    """What the server saw."""

    environment: dict[bytes, bytes]
    arguments: list[bytes]
    descriptors: dict[int, str]
    limits: dict[str, list[str]]  # /proc/PID/limits
    status: dict[str, str]  # /proc/PID/status
    cwd: str
    blocks: bool  # descriptor 0 is in blocking mode

    @classmethod
    def read(cls, folder: Path) -> "Server":
        assignments = (folder / "environ").read_bytes().split(b"\0")[:-1]
        links = (line.split()[-3:] for line in (folder / "descriptors").read_text().splitlines()[1:])
        return cls(
            environment=dict(assignment.split(b"=", 1) for assignment in assignments),
            arguments=(folder / "cmdline").read_bytes().split(b"\0")[:-1],
            descriptors={int(number): target for number, _, target in links},
            limits={line[:26].strip(): line[26:].split() for line in (folder / "limits").read_text().splitlines()},
            status=dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line),
            blocks=not int((folder / "fdinfo").read_text().split()[3], 8) & os.O_NONBLOCK,
            cwd=(folder / "cwd").read_text().rstrip("\n"),
        )

    def ignores(self, signal: int) -> bool:
        return bool(int(self.status["SigIgn"], 16) >> (signal - 1) & 1)

    def own_environment(self) -> dict[bytes, bytes]:
        """What the gate set beside what PLAIN holds."""
        return {name: value for name, value in self.environment.items() if name.decode() not in PLAIN}


@dataclass(frozen=True)
class Outcome:
    """How one connection ended."""

    code: int
    log: str  # standard error
    said: bytes  # what the client received
    server: Server | None  # None if it did not run


Connection = tuple[socket.socket, socket.socket]
Word = str | bytes


@dataclass(frozen=True)
class Launcher:
    """The program under test, and a folder of its own for what it leaves."""

    program: str
    folder: Path

    def serve(
        self, connection: Connection, options: Sequence[Word] = (), environment: Mapping[str, str] | None = None,
        *, prelude: str = AS_GIVEN,
    ) -> Server:  # fmt: skip
        """What the server sees of one connection, (server's end, client's end), with these options of the gate."""
        outcome = self.run(connection, [*options, *self.dumper()], environment, prelude=prelude)
        assert outcome.server is not None, outcome.log
        return outcome.server

    def dumper(self) -> list[Word]:
        """The command of a server that writes down everything it was given."""
        return ["/bin/sh", "-c", DUMP, "dump", str(self.folder)]

    def run(
        self, connection: Connection, words: Sequence[Word], environment: Mapping[str, str] | None = None,
        *, prelude: str = AS_GIVEN, stderr: int | socket.socket = subprocess.PIPE,
    ) -> Outcome:  # fmt: skip
        """One connection to the gate with this command line; `prelude` is the shell's last step before it."""
        near, far = connection
        far.settimeout(60)
        with near, far:
            process = subprocess.Popen(
                ["/bin/sh", "-c", prelude, "sh", self.program, *words],
                stdin=near.fileno(),
                stdout=near.fileno(),
                stderr=stderr if isinstance(stderr, int) else stderr.fileno(),
                env=PLAIN if environment is None else environment,
                cwd="/",
            )
            near.close()
            _, log = process.communicate(timeout=60)
            said = everything_from(far)
        return Outcome(process.returncode, (log or b"").decode(), said, self._take_dump())

    def _take_dump(self) -> Server | None:
        if not (self.folder / "status").exists():
            return None
        server = Server.read(self.folder)
        (self.folder / "status").unlink()
        return server


def everything_from(client: socket.socket) -> bytes:
    """What was sent to the client, to the end."""
    said = b""
    try:
        while data := client.recv(65536):
            said += data
    except OSError as error:
        if error.errno not in (errno.ENOTCONN, errno.ECONNRESET):
            raise
    return said


def fill_queue(path: str) -> None:
    """Send datagrams to this path until it takes no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler, contextlib.suppress(BlockingIOError):
        filler.setblocking(False)
        while True:
            filler.sendto(b"x", path)


def make_launcher(folder: Path, python: str = sys.executable, module: str = "shim") -> Launcher:
    text = (SOURCE / "sockgate" / "launcher.in").read_text()
    for name, value in (("PYTHON", python), ("FLAGS", "-IS"), ("LIBDIR", str(SOURCE)), ("MODULE", module)):
        text = text.replace(f"@{name}@", value)
    program = folder / "sockgate"
    program.write_text(text)
    program.chmod(0o755)
    return Launcher(str(program), folder)


def add_to_launcher(launcher: Launcher, code: str) -> None:
    """Run this just before main()."""
    program = Path(launcher.program)
    program.write_text(program.read_text().replace("\nmain()", f"\n{code}\nmain()"))


def accepted(listener: socket.socket, client: socket.socket) -> Connection:
    """The two ends of a connection that was just made, the server's first."""
    with listener:
        connection, _ = listener.accept()
    return connection, client


def internet(address: str = "127.0.0.1", source: str = "127.0.0.1") -> Connection:
    """A TCP connection over the loopback interface. `::` listens for both families, as a port-only ListenStream=."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind((address, 0))
    listener.listen()
    port = listener.getsockname()[1]
    target = {"::": source, "0.0.0.0": source}.get(address, address)
    return accepted(listener, socket.create_connection((target, port), source_address=(source, 0)))


def unix(path: str) -> Connection:
    """A connection to an AF_UNIX socket; in the abstract namespace if the path starts with a NUL."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    return accepted(listener, client)
