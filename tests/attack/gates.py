"""The two engines without systemd: what it does for them is done here, as far as an attack needs it."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

TREE = Path(__file__).parents[2]
BIN = TREE / "build/bin"
UID = 61234  # of the gate: nothing else on the machine has it
PORT = 2525
RESTART_SECONDS = 0.1  # RestartSec= of the shipped units
READY_SECONDS = 10.0
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
AS_SERVICE = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--bounding-set=-all")
STORED = "sockgate-sessions"
HIGH = 100  # from here on stand the descriptors that are passed, out of the way of those that they become
PASSING = f'exec 3<&{HIGH} {HIGH}<&- 4<&{HIGH + 1} {HIGH + 1}<&-; export LISTEN_PID=$$; exec "$@"'
# Tells the client who it is taken for, then waits for a line.
SERVER = ("/bin/sh", "-c", 'echo "$TCPREMOTEIP ${GEN-none} ${RELAYCLIENT-no}"; read line; echo "bye $line"')


def listener() -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("0.0.0.0", PORT))
    sock.listen(512)
    return sock


class Notifications:
    """NOTIFY_SOCKET, which a fault can take away or let fill up.

    status  the last STATUS= of the gate
    stored  the descriptor that the gate has given us to keep for the next one (FDSTORE=1 in sd_notify(3)), or -1
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reads = True
        self.ready = 0.0  # when a gate last said so, by time.monotonic()
        self.status = ""
        self.stored = -1
        self._socket: socket.socket | None = None
        self.open()
        threading.Thread(target=self._read, daemon=True).start()

    def open(self) -> None:
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0.1)
        self._socket.bind(str(self.path))
        self.path.chmod(0o666)

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        sock, self._socket = self._socket, None
        if sock:
            sock.close()

    def _read(self) -> None:
        while True:
            sock = self._socket
            if not self.reads or sock is None:
                time.sleep(0.02)
                continue
            with contextlib.suppress(OSError):
                message, descriptors, _flags, _address = socket.recv_fds(sock, 65536, 4)
                self._hear(message.split(b"\n"), descriptors)

    def _hear(self, lines: list[bytes], descriptors: list[int]) -> None:
        if b"READY=1" in lines:
            self.ready = time.monotonic()
        self.status = next((line[7:].decode() for line in lines if line.startswith(b"STATUS=")), self.status)
        if b"FDSTOREREMOVE=1" in lines or descriptors:
            if self.stored >= 0:
                os.close(self.stored)
            self.stored, *more = descriptors or [-1]
            for descriptor in more:
                os.close(descriptor)


class Journal(Notifications):
    """journald's socket. `records` counts what came, by its MESSAGE_ID; `alarming` keeps what must not be said."""

    def __init__(self, path: Path) -> None:
        self.records = 0
        self.alarming: list[str] = []
        super().__init__(path)

    def _read(self) -> None:
        while True:
            sock = self._socket
            if not self.reads or sock is None:
                time.sleep(0.02)
                continue
            with contextlib.suppress(OSError):
                record = sock.recv(1 << 18)
                self.records += 1
                if b"internal error" in record or b"Traceback" in record:
                    self.alarming.append(record.decode(errors="replace"))


class StandardError:
    """A socket, as journald gives one to a service; what is written there goes to a file."""

    def __init__(self, path: Path) -> None:
        self._reader, self.writer = socket.socketpair()
        self._path = path
        status = os.fstat(self.writer.fileno())
        self.journal_stream = f"{status.st_dev}:{status.st_ino}"
        threading.Thread(target=self._copy, daemon=True).start()

    def _copy(self) -> None:
        with open(self._path, "ab", buffering=0) as file:
            while data := self._reader.recv(65536):
                file.write(data)


class Resident:
    """sockgated, started again a tenth of a second after it has ended, as systemd does.

    starts   when each of them was started
    ends     when each of them ended by itself, and its exit status: it must not
    """

    def __init__(self, folder: Path, options: list[str], clock: Callable[[], float]) -> None:
        self._folder, self._options, self._clock = folder, options, clock
        self._listener = listener()
        self.notifications = Notifications(folder / "notify")
        self.starts: list[float] = []
        self._started = 0.0
        self.ends: list[tuple[float, int]] = []
        self._expected: set[int] = set()
        self._stopping = False
        self.process: subprocess.Popen[bytes] | None = None
        self._stderr = StandardError(folder / "stderr")
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        self.wait_until_ready(READY_SECONDS)
        assert self.notifications.ready, (folder / "stderr").read_text()

    def wait_until_ready(self, seconds: float) -> None:
        """Until the gate that was started last says so: before that, it may end for want of anything."""
        deadline = time.monotonic() + seconds
        while not self.pid or self.notifications.ready < self._started:
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process and self.process.poll() is None else 0

    def _keep(self) -> None:
        while not self._stopping:
            self.process = process = self._start()
            status = process.wait()
            if process.pid not in self._expected and not self._stopping:
                self.ends.append((self._clock(), status))
            time.sleep(RESTART_SECONDS)

    def _start(self) -> "subprocess.Popen[bytes]":
        self.starts.append(self._clock())
        self._started = time.monotonic()
        stored = self.notifications.stored
        os.dup2(self._listener.fileno(), HIGH)
        os.dup2(stored if stored >= 0 else self._listener.fileno(), HIGH + 1)
        environment = ENVIRONMENT | {
            "TZ": str(self._folder / "zone"),
            "LISTEN_FDS": "1" if stored < 0 else "2",
            "LISTEN_FDNAMES": "probe" if stored < 0 else f"probe:{STORED}",
            "NOTIFY_SOCKET": str(self.notifications.path),
            "JOURNAL_STREAM": self._stderr.journal_stream,
        }
        words = [*AS_SERVICE, str(BIN / "sockgated"), *self._options, "--", *SERVER]
        return subprocess.Popen(
            ["/bin/bash", "-c", PASSING, "bash", *words],  # other shells know no descriptors of three digits
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._stderr.writer.fileno(),
            env=environment, cwd="/", pass_fds=(HIGH, HIGH + 1),
        )  # fmt: skip

    def children(self) -> list[int]:
        """The guardian, children that wait for their client, and servers."""
        with contextlib.suppress(OSError):
            return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        return []

    def guardian(self) -> int:
        """0 if there is none now."""
        return next((pid for pid in self.forks() if waits_for_end_of_gate(pid)), 0)

    def helpers(self) -> list[int]:
        """Children that finish the admission of a client. The guardian may be younger than they are."""
        return [pid for pid in self.forks() if not waits_for_end_of_gate(pid)]

    def forks(self) -> list[int]:
        """Children that still run the gate's own program."""
        with contextlib.suppress(OSError):
            own = Path(f"/proc/{self.pid}/cmdline").read_bytes()
            return [pid for pid in self.children() if Path(f"/proc/{pid}/cmdline").read_bytes() == own]
        return []

    def kill(self) -> None:
        pid = self.pid
        if pid:
            self._expected.add(pid)
            os.kill(pid, signal.SIGKILL)

    def doing(self) -> str:
        """Where the gate and its forks wait, for a client that was not answered."""
        return "; ".join(f"{pid} {state_of(pid)}" for pid in (self.pid, *self.forks()) if pid) or "there is no gate"

    def memory(self) -> int:
        """Resident kilobytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    def is_empty(self, seconds: float) -> bool:
        """Whether it comes to count no session, within this time."""
        deadline = time.monotonic() + seconds
        while not self.notifications.status.startswith("0 of "):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        self._stopping = True
        if self.process is None or self.process.poll() is not None:
            return -1
        self.process.terminate()
        return self.process.wait(READY_SECONDS)


def waits_for_end_of_gate(pid: int) -> bool:
    """Only the guardian blocks this signal, and no other one."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        blocked = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk"))
        return int(blocked, 16) == 1 << signal.SIGUSR1 - 1
    return False


def state_of(pid: int) -> str:
    """The state, where in the kernel, and in which system call (proc(5))."""
    found = []
    for name in ("stat", "wchan", "syscall"):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/{name}").read_text()
            found.append(text.rpartition(")")[2].split()[0] if name == "stat" else " ".join(text.split()[:4]))
    return " ".join(found)


class PerConnection:
    """One sockgate for each connection, as Accept=yes starts it. `faulted` says what was done to whose gate."""

    def __init__(self, folder: Path, options: list[str], injections: list[str]) -> None:
        self._folder, self._options = folder, options
        self._injections = injections
        self._listener = listener()
        self.faulted: dict[tuple[str, int], str] = {}  # by the client's address and port
        self._stderr = StandardError(folder / "stderr")
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        count = 0
        while True:
            connection, client = self._listener.accept()
            words = [*AS_SERVICE, str(BIN / "sockgate"), *self._options, "--", *SERVER]
            if count % 2 and self._injections:
                injection = self._injections[count % len(self._injections)]
                self.faulted[client] = injection
                call = injection.partition(":")[0]
                words = ["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={injection}", *words]
            count += 1
            threading.Thread(target=self._serve, args=(words, connection), daemon=True).start()

    def _serve(self, words: list[str], connection: socket.socket) -> None:
        environment = {
            "PATH": "/usr/bin:/bin",
            "TZ": str(self._folder / "zone"),
            "JOURNAL_STREAM": self._stderr.journal_stream,
        }
        with connection:
            process = subprocess.Popen(
                words,
                stdin=connection.fileno(),
                stdout=connection.fileno(),
                stderr=self._stderr.writer.fileno(),
                cwd="/",
                env=environment,
            )
        process.wait()
