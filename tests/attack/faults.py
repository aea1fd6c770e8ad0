"""How each fault is made and taken back."""

import contextlib
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.attack import plan
from tests.attack.gates import AS_SERVICE, Journal, Resident
from tests.attack.oracle import Era, History, Window
from tests.attack.plan import Fault, Swap, is_of_one_client

SETTLE_SECONDS = 1.3  # the gate tries once a second to read what it could not
ATTACH_SECONDS = 2.0
MOMENT_SECONDS = 0.2
START_SECONDS = 2.0
FAST_SECONDS, FIRST_FAST = 0.005, 100_000
HOME, AWAY = Path("/usr/share/zoneinfo/Etc/UTC"), Path("/usr/share/zoneinfo/Etc/GMT-12")
READING = ("openat:", "newfstatat:", "mmap:")  # system calls that fail
ORPHANED_SECONDS = 0.6  # until a guardian that was killed is replaced


class Attacker:
    """Makes the faults of a plan against a resident gate, and writes down what they excuse."""

    def __init__(
        self, gate: Resident, journal: Journal, swapper: "Swapper", history: History, clock: Callable[[], float],
        *, proxied: bool,
    ) -> None:  # fmt: skip
        self._gate, self._journal, self._swapper = gate, journal, swapper
        self._history, self._clock = history, clock
        self._proxied = proxied
        self.reads_zone = False  # a gate that cannot read the time zone refuses
        # A child that waits for its client, or is just becoming its server, may be killed, or have no memory to go on:
        # then this client is lost.
        self._drops = ("kill-helper", "little-memory") if proxied else ("kill-helper",)

    def run(self, fault: Fault) -> None:
        wait_until(fault.at, self._clock)
        self._gate.wait_until_ready(START_SECONDS)
        since = self._clock()
        with contextlib.suppress(ProcessLookupError, FileNotFoundError), self._make(fault):
            wait_until(since + fault.lasts, self._clock)
        self._excuse(fault, since)

    def _excuse(self, fault: Fault, since: float) -> None:
        until = self._clock() + (MOMENT_SECONDS if fault.kind == "kill-helper" else SETTLE_SECONDS)
        drops = fault.kind in self._drops or (fault.kind == "inject" and is_of_one_client(fault))
        drops |= self.reads_zone and fault.argument.startswith(READING)
        stale = not fault.kind.startswith(("log", "notify", "kill-helper", "swap"))
        self._history.windows.append(Window(since, until, f"({fault})", stale=stale, drops=drops))

    def excuse_orphans(self) -> None:
        """A gate that is killed while it has no guardian loses the clients that it had just accepted.

        Any gate that is killed loses those whose PROXY header it has read: no other process knows their address.
        """
        killed = [window for window in self._history.windows if "kill-guardian" in window.reason]
        for window in [window for window in self._history.windows if "kill-gate" in window.reason]:
            if any(window.since - ORPHANED_SECONDS <= other.since <= window.since for other in killed):
                until = window.since + ORPHANED_SECONDS
                self._history.windows.append(Window(window.since, until, "killed without a guardian", drops=True))
            if self._proxied:
                until = window.since + MOMENT_SECONDS
                self._history.windows.append(Window(window.since, until, "killed with a header", drops=True))

    @contextlib.contextmanager
    def _make(self, fault: Fault) -> Iterator[None]:
        method = getattr(self, "_" + fault.kind.replace("-", "_"), None)
        if method is None:
            yield
            return
        with method(fault.argument):
            yield

    @contextlib.contextmanager
    def _inject(self, injection: str) -> Iterator[None]:
        with strace(self._gate.pid, injection):
            yield

    @contextlib.contextmanager
    def _inject_guardian(self, injection: str) -> Iterator[None]:
        with strace(self._guardian(), injection):
            yield

    def _guardian(self) -> int:
        guardian = self._gate.guardian()
        if not guardian:
            raise ProcessLookupError
        return guardian

    @contextlib.contextmanager
    def _limited(self, name: str, value: int) -> Iterator[None]:
        pid = self._gate.pid
        before = soft_limit(pid, name)
        set_limit(pid, name, str(value))
        try:
            yield
        finally:
            set_limit(pid, name, before)
            # A guardian that was made meanwhile has the limit, too. It keeps its clients until they can be served.
            set_limit(self._gate.guardian(), name, before)

    @contextlib.contextmanager
    def _few_descriptors(self, _argument: str) -> Iterator[None]:
        with self._limited("nofile", len(os.listdir(f"/proc/{self._gate.pid}/fd")) + 1):
            yield

    @contextlib.contextmanager
    def _no_processes(self, _argument: str) -> Iterator[None]:
        with self._limited("nproc", 1):
            yield

    @contextlib.contextmanager
    def _little_memory(self, _argument: str) -> Iterator[None]:
        pages = int(Path(f"/proc/{self._gate.pid}/statm").read_text().split()[0])
        with self._limited("as", pages * resource.getpagesize()):
            yield

    @contextlib.contextmanager
    def _stopped(self, pid: int) -> Iterator[None]:
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def _stop_gate(self, _argument: str) -> Iterator[None]:
        with self._stopped(self._gate.pid):
            yield

    @contextlib.contextmanager
    def _stop_guardian(self, _argument: str) -> Iterator[None]:
        with self._stopped(self._guardian()):
            yield

    @contextlib.contextmanager
    def _kill_gate(self, _argument: str) -> Iterator[None]:
        self._gate.kill()
        yield

    @contextlib.contextmanager
    def _kill_guardian(self, _argument: str) -> Iterator[None]:
        os.kill(self._guardian(), signal.SIGKILL)
        yield

    @contextlib.contextmanager
    def _kill_helper(self, _argument: str) -> Iterator[None]:
        for pid in self._gate.helpers()[:1]:
            os.kill(pid, signal.SIGKILL)
        yield

    @contextlib.contextmanager
    def _hangup(self, _argument: str) -> Iterator[None]:
        os.kill(self._gate.pid, signal.SIGHUP)
        yield

    @contextlib.contextmanager
    def _stray_signal(self, argument: str) -> Iterator[None]:
        whose, name = argument.split()
        os.kill(self._gate.pid if whose == "gate" else self._guardian(), signal.Signals[f"SIG{name}"])
        yield

    @contextlib.contextmanager
    def _log_stalls(self, _argument: str) -> Iterator[None]:
        self._journal.reads = False
        yield
        self._journal.reads = True

    @contextlib.contextmanager
    def _log_gone(self, _argument: str) -> Iterator[None]:
        self._journal.close()
        yield
        self._journal.open()

    @contextlib.contextmanager
    def _notify_gone(self, _argument: str) -> Iterator[None]:
        self._gate.notifications.close()
        yield
        self._gate.notifications.open()

    @contextlib.contextmanager
    def _notify_stalls(self, _argument: str) -> Iterator[None]:
        self._gate.notifications.reads = False
        yield
        self._gate.notifications.reads = True

    @contextlib.contextmanager
    def _swap_fast(self, _argument: str) -> Iterator[None]:
        self._swapper.fast = True
        yield
        self._swapper.fast = False


def soft_limit(pid: int, name: str) -> str:
    command = ["prlimit", f"--pid={pid}", f"--{name}", "--noheadings", "--output=SOFT"]
    return subprocess.run([*AS_SERVICE, *command], capture_output=True, text=True).stdout.strip()


def set_limit(pid: int, name: str, value: str) -> None:
    """Only the soft limit, which the gate's own user may set and raise again."""
    if pid and value:
        subprocess.run([*AS_SERVICE, "prlimit", f"--pid={pid}", f"--{name}={value}:"], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def strace(pid: int, injection: str) -> Iterator[None]:
    """System calls of this process fail. It stops for a moment at the beginning and at the end."""
    if not pid:
        raise ProcessLookupError
    call = injection.partition(":")[0]
    tracer = subprocess.Popen(
        ["strace", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={call}", "-e", f"inject={injection}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + ATTACH_SECONDS
    while tracer.poll() is None and time.monotonic() < deadline and not is_traced(pid):
        time.sleep(0.002)
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def is_traced(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    return False


class Swapper:
    """Puts the rules of each generation in place, and writes down from when to when they were there."""

    def __init__(self, rules: Path, zone: Path, history: History, clock: Callable[[], float]) -> None:
        self._rules, self._zone, self._history, self._clock = rules, zone, history, clock
        self._is_away = True
        self._last = Swap(0.0, -1, "missing", {})
        self.fast = False
        self._move()

    def run(self, swaps: Sequence[Swap], seed: int) -> None:
        """Each at its time; in between, while `fast` is set, others as fast as files can be written."""
        chance = random.Random(f"fast swaps {seed}")
        generation = FIRST_FAST
        for swap in swaps:
            while self._clock() < swap.at:
                if self.fast and self._history.eras[-1].policy is not None:
                    generation += 1
                    self.put(Swap(0.0, generation, chance.choice(("rename", "link")), plan.policy(chance)))
                time.sleep(max(0.0, min(FAST_SECONDS, swap.at - self._clock())))
            self.put(swap)

    def put(self, swap: Swap) -> None:
        since = self._clock()
        if swap.how == "zone":
            self._move()
        else:
            self._last = swap
            self._write(swap)
        now, eras = self._clock(), self._history.eras
        if eras:
            eras[-1] = replace(eras[-1], until=now)
        policy = self._last.policy if self._last.is_good else None
        eras.append(Era(since, float("inf"), self._last.generation, policy, closed=self._is_away))

    def _write(self, swap: Swap) -> None:
        new = self._rules.with_name(f"rules.{swap.generation}")
        new.write_text(swap.text())
        link = self._rules.with_name("link")
        link.unlink(missing_ok=True)
        link.symlink_to(new.name)
        if swap.how == "missing":
            self._rules.unlink(missing_ok=True)
        elif swap.how == "link":
            link.rename(self._rules)
        else:
            new.rename(self._rules)

    def _move(self) -> None:
        """The clock on the wall is half a day ahead, or right again."""
        self._is_away = not self._is_away
        new = self._zone.with_name("zone.new")
        new.write_bytes(AWAY.read_bytes() if self._is_away else HOME.read_bytes())
        new.rename(self._zone)


def wait_until(moment: float, clock: Callable[[], float]) -> None:
    left = moment - clock()
    if left > 0:
        time.sleep(left)
