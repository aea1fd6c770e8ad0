"""What a process can learn of others in its unit. With ProtectProc=, /proc does not show those of other users."""

import os
from contextlib import suppress

OWN_SUBGROUP = "gate"  # the control group of the gate itself, if each session has one (session_groups.py)
UNIFIED, HYBRID = "/sys/fs/cgroup", "/sys/fs/cgroup/unified"  # where the hierarchy is, the second if it has only a part
SECOND_TICKS = os.sysconf("SC_CLK_TCK")
STATE, START = 0, 19  # fields of /proc/PID/stat behind the name (proc_pid_stat(5)), START in clock ticks since the boot


def group_of(pid: int | str = "self") -> str:
    """The folder of the control group of a process; "" if we may not see it, or without a unified hierarchy."""
    try:
        with open(f"/proc/{pid}/cgroup") as file:
            path = next(line.strip().removeprefix("0::") for line in file if line.startswith("0::"))
    except (OSError, StopIteration):
        return ""
    return f"{HYBRID if os.path.isdir(HYBRID) else UNIFIED}{path.rstrip('/')}"


def members_of(group: str, *, below: bool = True) -> list[int]:
    """The processes of a control group, and of those below it. Raises OSError."""
    with open(f"{group}/cgroup.procs") as file:
        found = [int(line) for line in file]
    for entry in os.scandir(group) if below else ():
        if entry.is_dir(follow_symlinks=False):
            with suppress(OSError):  # it has just been removed
                found += members_of(entry.path)
    return found


def group_members() -> list[int]:
    """The processes of this service, with those that ProtectProc= hides."""
    try:
        return members_of(group_of().removesuffix(f"/{OWN_SUBGROUP}"))
    except OSError:  # without systemd there is no control group of ours
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def links_of(pid: int) -> list[str] | None:
    """The targets of the descriptors of this process. None if we may not look at them."""
    links = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # the descriptor has just been closed
                links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    except OSError:
        return None
    return links


def state_of(pid: int) -> tuple[str, float]:
    """The state of a process, and its start in seconds since the boot, if we may see them."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return "", float("inf")
    return fields[STATE], int(fields[START]) / SECOND_TICKS


def environment_of(pid: int) -> list[bytes]:
    """NAME=VALUE for each variable with which the program of this process began, if we may see them."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
