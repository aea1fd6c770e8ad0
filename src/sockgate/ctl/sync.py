"""Make the sockets of the machine's inetd those of its files: /etc/inetd.conf, /etc/xinetd.d and the others.

A socket without its line is stopped, a new one is started, a changed one is restarted. All others, and all sessions,
are left alone. Nothing is done in a chroot, without systemd, or if policy-rc.d forbids it.
"""

import argparse
import fcntl
import glob
import os
import struct
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TextIO

from ..atomic_write import permission_hint, write_atomically
from ..convert.complaints import log
from ..convert.conflicts import gives_way, lines
from ..convert.live import FILES, LEAVING, complaints, is_generated, live_host, live_services
from ..convert.report import Report
from ..convert.result import Conversion
from ..core import GateError, SystemFailure
from ..host.systemctl import Properties, parse_properties, systemctl
from .served import GENERATED, Record, Served, Services, deaf, loaded, planned, record, recorded

LOCK = "/run/sockgate/sync.lock"
ROOT = ""  # of the paths that systemd names; the tests have another
POLICY, FORBIDDEN = "/usr/sbin/policy-rc.d", 101
TRIGGER = "sockgate-inetd"  # of dpkg, and the name of the init script
DPKG_LOCK = "/var/lib/dpkg/lock"
FLOCK = struct.Struct("hhqqi4x")  # struct flock
MOST_ROUNDS = 5


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--after-dpkg", action="store_true", help="while dpkg runs, have it do this once, when it has done all else"
    )


def run(arguments: argparse.Namespace) -> int:
    if not os.path.isdir("/run/systemd/system") or in_chroot():
        return told("systemd does not run this system: nothing is done")
    if arguments.after_dpkg and dpkg_runs() and left_to_dpkg():
        return told("dpkg runs, and does this at its end")
    if is_forbidden():
        return told(f"{POLICY} forbids it: nothing is done")
    with open_lock() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return synchronize()


def open_lock() -> TextIO:
    try:
        os.makedirs(os.path.dirname(LOCK), exist_ok=True)
        return open(LOCK, "w", encoding="ascii")
    except OSError as error:
        raise SystemFailure(f"unable to write {LOCK!r}: {error.strerror}", permission_hint(error)) from None


def told(message: str) -> int:
    print(message)
    return 0


def in_chroot() -> bool:
    try:
        return not os.path.samefile("/proc/1/root", "/")
    except OSError:  # not root, or no /proc
        return False


def is_forbidden() -> bool:
    """Whether the administrator forbids packages to start and stop services (invoke-rc.d(8))."""
    if not os.access(POLICY, os.X_OK):
        return False
    return subprocess.run([POLICY, TRIGGER, "restart"], capture_output=True, check=False).returncode == FORBIDDEN


def dpkg_runs() -> bool:
    """Whether dpkg itself holds its lock. apt has the lock, too, while it downloads, or waits for an answer."""
    try:
        with open(DPKG_LOCK, "rb") as file:
            found = fcntl.fcntl(file, fcntl.F_GETLK, FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        kind, *_, holder = FLOCK.unpack(found)
        if kind == fcntl.F_UNLCK:
            return False
        with open(f"/proc/{holder}/comm", encoding="utf-8", errors="replace") as file:
            return file.read() == "dpkg\n"
    except OSError:
        return False


def left_to_dpkg() -> bool:
    """Have dpkg call our package's script once, after all others: ten packages then mean one reload."""
    if not os.path.exists(f"/var/lib/dpkg/triggers/{TRIGGER}"):
        return False
    return subprocess.run(["dpkg-trigger", "--no-await", TRIGGER], capture_output=True, check=False).returncode == 0


def synchronize() -> int:
    """Once, and again if a file changed meanwhile. Returns 1 if something failed."""
    failures: list[str] = []
    for _ in range(MOST_ROUNDS):
        before = stamps()
        failures = one_round()
        if stamps() == before:
            break
    for failure in failures:
        print(f"sockgatectl: {failure}", file=sys.stderr)
    return 1 if failures else 0


def stamps() -> list[tuple[int, int]]:
    """Of all files: one in a folder may be edited in place."""
    found = []
    for path in (each for name in FILES for each in (name, *sorted(glob.glob(f"{name}/*")))):
        try:
            status = os.stat(path)
        except OSError:
            continue
        found.append((status.st_ino, status.st_mtime_ns))
    return found


def one_round() -> list[str]:
    """Returns one message for each failure."""
    conversion = live_services("/", live_host()) if is_generated("/") else Conversion((), Report())
    told = complaints(conversion)
    for complaint in told:
        print(complaint)
    now, present, last = planned(conversion), loaded(), recorded()
    before = still_ours({**last.failed, **present, **last.services}, now)
    found = states({**before, **now})
    change = compare(before, now, found, last.services, deaf(listening(now, found)))
    try:
        stop(change)
        if present != now:
            note_leaving([name for name in before if name not in now], now)
            systemctl("daemon-reload")
    except GateError as error:  # the record of last time stays: the next call does it all again
        failed = tried("start", [name for name in change.stop if name in change.changed], "active")
        return [str(error), *map(unable_to_start, failed)]
    if present == now:  # then the generator does not say it
        for complaint in told:
            if complaint not in last.complaints:
                log(complaint)
    failed = start(change)
    record(Record(served(before, now, failed), tuple(told), {name: now[name] for name in now if name in failed}))
    return [*map(unable_to_start, failed)]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done: names of units to stop, of failed ones to forget, of sockets to start, of gates to restart.

    changed  those of the sockets to start that listened before
    """

    stop: list[str]
    forget: list[str]
    start: list[str]
    gates: list[str]
    changed: set[str]


def listening(services: Services, states: dict[str, str]) -> Services:
    """Those with a socket that systemd holds, not a gate or a server that waits."""
    return {name: one for name, one in services.items()
            if states[name] == "active" and states.get(one.service) != "active"}  # fmt: skip


def compare(
    before: Services, now: Services, states: dict[str, str], known: Services, deaf: Collection[str] = ()
) -> Change:
    """Compare what was served, or loaded, with what is to be served.

    states  the states of all their units
    known   those that were started before. If such a socket is inactive, the administrator has stopped it
    deaf    those that are active and do not listen
    """
    gone = [name for name in before if name not in now]
    changed = [
        name for name in before if name in now and (before[name].socket != now[name].socket or name in deaf)
    ]  # fmt: skip
    ended = [unit for name in (*gone, *changed) for unit in units_of(name, before[name])]
    new = [
        name for name in now
        if name in changed or states[name] == "failed"
        or (states[name] != "active" and name not in known)
    ]  # fmt: skip
    gates = [
        one.service for name, one in now.items()
        if one.is_gate and name in before and name not in changed and before[name].text != one.text
    ]  # fmt: skip
    return Change(
        stop=[unit for unit in ended if states[unit] not in ("inactive", "failed")],
        forget=[unit for unit in ended if states[unit] == "failed"],
        start=new, gates=gates, changed=set(changed),
    )  # fmt: skip


def units_of(socket: str, served: Served) -> list[str]:
    return [socket, served.service] if served.service else [socket]


def still_ours(before: Services, now: Services) -> Services:
    """Without the units that another file has made its own since, such as one of `convert --install`.

    They are the administrator's. A masked one is as it was when our file made it.
    """
    ended = [unit for name, one in before.items() if name not in now for unit in units_of(name, one)]
    foreign = {unit for unit, found in shown(ended, "LoadState", "FragmentPath").items() if is_foreign(found)}
    return {name: one._replace(service="") if one.service in foreign else one
            for name, one in before.items() if name not in foreign}  # fmt: skip


def is_foreign(found: Properties) -> bool:
    """Whether the unit is loaded from a file that is not our generator's. One that is gone has no file.

    A template of sockgate's (pop3.socket) that is not enabled stood behind our unit, and has not been started.
    """
    path = found.get("FragmentPath", "")
    if found.get("LoadState") != "loaded" or not path or path.startswith(f"{GENERATED}/"):
        return False
    folder, name = os.path.split(path)
    return not gives_way(ROOT, folder.lstrip("/"), name)


def states(services: Services) -> dict[str, str]:
    """The states of the units of all services, by name."""
    units = [unit for name, one in services.items() for unit in units_of(name, one)]
    return {name: found.get("ActiveState", "inactive") for name, found in shown(units, "ActiveState").items()}


def shown(units: list[str], *properties: str) -> dict[str, Properties]:
    """What systemd says of these units, by name."""
    names = list(dict.fromkeys(units))
    if not names:
        return {}
    blocks = systemctl("show", f"--property={','.join(('Id', *properties))}", "--", *names).split("\n\n")
    return dict(zip(names, map(parse_properties, blocks), strict=True))


def stop(change: Change) -> None:
    if change.stop:
        systemctl("stop", "--", *change.stop)
    if change.forget:
        systemctl("reset-failed", "--", *change.forget)
    tell("stopped", (name for name in change.stop if name.endswith(".socket") and name not in change.changed))


def note_leaving(gone: list[str], now: Services) -> None:
    """Tell the generator which templates have sessions and no service any more."""
    path = f"/{LEAVING}"
    names = {*(name.replace(".socket", "@.service") for name in gone), *lines(path)}
    names -= {name.replace(".socket", "@.service") for name in now}
    if not names:
        return
    patterns = sorted(name.replace("@.", "@*.") for name in names)
    listed = systemctl("list-units", "--plain", "--no-legend", "--", *patterns).splitlines()
    alive = {f"{line.partition('@')[0]}@.service" for line in listed}
    write_atomically(path, "".join(f"{name}\n" for name in sorted(names & alive)), durable=False)


def start(change: Change) -> list[str]:
    """Start the sockets, then restart the gates. Returns the units that failed: they cost no other."""
    failed = tried("start", change.start, "active")
    failed += tried("try-restart", change.gates, "active", "inactive")
    tell("restarted", (name for name in change.start if name in change.changed and name not in failed))
    tell("started", (name for name in change.start if name not in change.changed and name not in failed))
    return failed


def tried(verb: str, units: list[str], *good: str) -> list[str]:
    """Returns the units that this left in none of the good states."""
    try:
        if units:
            systemctl(verb, "--", *units)
    except SystemFailure:
        return [name for name, state in states_of(units).items() if state not in good]
    return []


def unable_to_start(unit: str) -> str:
    return f"unable to start {unit} (systemctl status {unit})"


def served(before: Services, now: Services, failed: list[str]) -> Services:
    """What is served now. The next call takes a socket that failed for a new one, a failed gate for a changed one."""
    started = {name: one for name, one in now.items() if name not in failed}
    return {name: before[name] if one.service in failed else one for name, one in started.items()}


def states_of(units: Iterable[str]) -> dict[str, str]:
    return states({name: Served("", "", "") for name in units})


def tell(verb: str, names: Iterable[str]) -> None:
    for name in names:
        print(f"{verb} {name}")
