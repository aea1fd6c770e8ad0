"""--session-memory and --session-tasks: each session has a control group of its own, with limits for its processes.

systemd leaves its part of the tree of control groups to the gate (Delegate= in systemd.resource-control(5)):

    smtp.service            what systemd knows
      gate                  the gate and its guardian
      session-PID-NUMBER    a server and all that it starts; PID is that of the gate

A group with processes of its own cannot have limits for the groups in it (cgroups(7)). So the gate is in a group, too.
From systemd 254 on, systemd puts it there (DelegateSubgroup=). Before, the gate moves itself, and gives the limits up
when it ends: else systemd could not start the next gate in the group of the service. The next gate sets them again.

A server is in its group before it runs, so its processes cannot escape. What it leaves behind stays under the limits.
A group is removed when it is empty.
"""

import os
from collections.abc import Container, Mapping
from contextlib import suppress
from itertools import count

from ..core import Cause, SystemFailure, UsageError
from .options import Bounds, ResidentOptions, size_text
from .overload import OVERLOADED, Overloaded
from .processes import OWN_SUBGROUP, group_of, members_of
from .usage import Usage

SUBGROUP_SINCE = 254  # DelegateSubgroup= in systemd.resource-control(5)
CONTROLLERS = {"--session-memory": "memory", "--session-tasks": "pids"}  # what each option needs
SESSION, MEMORY = "session-", "memory.max"
DELEGATED = ("user.delegate", "trusted.delegate")  # set by systemd on a group that it leaves to its service
MOVES = 100  # a process that forks while it is moved leaves its child behind


def files_of(bounds: Bounds) -> dict[str, str]:
    """What is written to which file of a control group. A session that needs too much memory ends as a whole."""
    memory = {MEMORY: str(bounds.memory), "memory.oom.group": "1"} if bounds.memory else {}
    return memory | ({"pids.max": str(bounds.tasks)} if bounds.tasks else {})


class SessionGroups:
    """The control groups of sessions, below that of the service.

    controllers  what the kernel must control for the limits: memory, pids
    """

    def __init__(self, unit: str, files: Mapping[str, str], *, log_usage: bool = False) -> None:
        """`unit` is the folder of the service's group, `files` what each session's group has in which file."""
        self.controllers = sorted({name.partition(".")[0] for name in files})
        self._unit = unit
        self._files = files
        self._log_usage = log_usage
        self._numbers = count(1)
        self._left: set[str] = set()  # groups that cannot be removed yet
        self._is_placed = True  # whether systemd has put the gate into its own group
        self._is_gate = True

    @property
    def is_expecting(self) -> bool:
        """Whether to try again to remove groups."""
        return bool(self._left)

    def problem(self) -> str:
        """Why the gate cannot have control; "" if it can. Raises OSError."""
        if not any(attribute_of(self._unit, name) == b"1" for name in DELEGATED):
            return "systemd does not leave the control group of this service to it"
        offered = read(f"{self._unit}/cgroup.controllers").split()
        missing = [name for name in self.controllers if name not in offered]
        return f"the control group of this service has no controller for {' and '.join(missing)}" if missing else ""

    def take_control(self) -> None:
        """Move the gate out of the way, and set limits for the sessions of earlier gates. Raises OSError."""
        self._is_placed = not members_of(self._unit, below=False)
        with suppress(FileExistsError):
            os.mkdir(f"{self._unit}/{OWN_SUBGROUP}")
        for _ in range(MOVES):
            found = members_of(self._unit, below=False)
            if not found:
                break
            for pid in found:
                with suppress(ProcessLookupError):
                    write(f"{self._unit}/{OWN_SUBGROUP}/cgroup.procs", str(pid))
        write(f"{self._unit}/cgroup.subtree_control", " ".join(f"+{name}" for name in self.controllers))
        self.find()
        for group in self._left:
            self._set_limits(group)

    def find(self, in_use: Container[str] = ()) -> None:
        """Remember the groups that others have made, so that they are removed. Raises OSError."""
        found = (entry.path for entry in os.scandir(self._unit) if entry.name.startswith(SESSION))
        self._left.update(group for group in found if group not in in_use)

    def give_up_control(self) -> None:
        """Called when the gate has ended, or ends: systemd must be able to start the next one."""
        if not self._is_placed:
            with suppress(OSError):
                write(f"{self._unit}/cgroup.subtree_control", " ".join(f"-{name}" for name in self.controllers))

    def make(self) -> str:
        """Make a group for one session. Returns its folder. Raises SystemFailure."""
        try:
            group = self._make_folder()
            self._set_limits(group)
        except OSError as error:
            kind = Overloaded if error.errno in OVERLOADED else SystemFailure
            raise kind(f"unable to make a control group: {error.strerror}") from None
        return group

    def adopt(self, pid: int) -> str:
        """The group of a session that an earlier gate began; "" if it has none."""
        name = group_of(pid).rpartition("/")[2]
        group = f"{self._unit}/{name}"
        if not name.startswith(SESSION) or not os.path.isdir(group):
            return ""
        self._left.discard(group)
        return group

    def conclude(self, group: str) -> tuple[Usage | None, str]:
        """The session of this group is over. Returns what it has used, if that is wanted, and the limit that ended it.

        If it has left processes behind, the group stays as long as they do.
        """
        usage = self._usage(group) if self._log_usage else None
        memory = self._files.get(MEMORY)
        excess = f"--session-memory {size_text(int(memory))}" if memory and ran_out_of_memory(group) else ""
        self._remove(group)
        return usage, excess

    def look(self) -> None:
        """Remove the groups that have become empty."""
        for group in list(self._left):
            self._remove(group)

    def forget(self) -> None:
        """Called in the guardian: these groups are the gate's."""
        self._is_gate = False
        self._left.clear()

    def _usage(self, group: str) -> Usage | None:
        """What the processes of this group have used; None if it is not known."""
        try:
            cpu = int(read(f"{group}/cpu.stat").split()[1])
        except (OSError, ValueError):
            return None
        peak = None
        with suppress(OSError, ValueError):  # without the controller, or before Linux 5.19
            peak = int(read(f"{group}/memory.peak"))
        return Usage(cpu, peak)

    def _remove(self, group: str) -> None:
        self._left.add(group)
        with suppress(OSError):
            with suppress(FileNotFoundError):
                os.rmdir(group)
            self._left.discard(group)

    def _make_folder(self) -> str:
        while True:
            group = f"{self._unit}/{SESSION}{os.getpid()}-{next(self._numbers)}"
            with suppress(FileExistsError):  # of an earlier gate with the same number of its process
                os.mkdir(group)
                return group

    def _set_limits(self, group: str) -> None:
        """Raises OSError. A guardian may have given up the control already; then the next gate will set them."""
        for name, text in self._files.items():
            try:
                write(f"{group}/{name}", text)
            except FileNotFoundError:
                if self._is_gate:
                    raise


def groups_of(options: ResidentOptions) -> SessionGroups | None:
    """The control groups of sessions, with the limits of these options; None without a limit. Raises UsageError."""
    files = files_of(options.bounds)
    if not files:
        return None
    option = "--session-memory" if options.bounds.memory else "--session-tasks"
    groups = SessionGroups(group_of().removesuffix(f"/{OWN_SUBGROUP}"), files, log_usage=options.process.log_usage)
    hint = f"Delegate={' '.join(groups.controllers)} in the unit of the gate, and ProtectControlGroups=no"
    try:
        problem = groups.problem()
        if not problem:
            groups.take_control()
    except OSError as error:
        problem = f"unable to control the group of this service: {error.strerror}"
    if problem:
        raise UsageError(f"{option}: {problem}", hint, Cause(option))
    return groups


def ran_out_of_memory(group: str) -> bool:
    """Whether the kernel has ended the processes of this group because of its own limit, not that of the service."""
    try:
        events = read(f"{group}/memory.events").split()
        return "0" not in (events[events.index(kind) + 1] for kind in ("oom", "oom_kill"))
    except (OSError, ValueError, IndexError):
        return False


def enter(group: str) -> None:
    """Put this process into a group. Raises SystemFailure."""
    try:
        write(f"{group}/cgroup.procs", "0")
    except OSError as error:
        raise SystemFailure(f"unable to enter a control group: {error.strerror}") from None


def attribute_of(path: str, name: str) -> bytes:
    """The value of an extended attribute; empty if there is none, or if it cannot be read."""
    try:
        return os.getxattr(path, name)
    except OSError:
        return b""


def read(path: str) -> str:
    """Raises OSError."""
    with open(path) as file:
        return file.read()


def write(path: str, text: str) -> None:
    """Raises OSError. Each write(2) is one order to the kernel."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
