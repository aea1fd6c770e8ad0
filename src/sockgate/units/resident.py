"""What every unit of a resident gate has: the part of NAME.service that does not depend on the service.

`convert` and `install` share it. The shipped units have the same settings, each with its reason.
"""

from collections.abc import Iterator

from .model import Command, Directive, Words

ENDED_WITHOUT_SOCKET = 100  # the exit status of a gate that was started while the socket has Accept=yes
NICENESS = -11


def in_unit(socket: str) -> Iterator[Directive]:
    """The directives of [Unit]: stopping the socket stops the gate, and failed starts never close the port."""
    yield Directive("Requires", Words((socket,)))
    yield Directive("After", Words((socket,)))
    yield Directive("StartLimitIntervalSec", 0)


def in_service(command: Command, *, waits_for_reload: bool) -> Iterator[Directive]:
    """The directives of [Service]. Sessions go on when the gate restarts, and when one of them needs too much memory.

    waits_for_reload  whether this systemd has Type=notify-reload (255)
    """
    yield Directive("Type", "notify-reload" if waits_for_reload else "notify")
    yield Directive("ExecStart", command)
    if not waits_for_reload:
        # /bin/kill is in a package that a machine may not have (procps).
        yield Directive("ExecReload", Command(("/bin/sh", "-c", "kill -HUP $MAINPID")))
    yield Directive("LogRateLimitIntervalSec", 0)
    yield Directive("Restart", "on-failure")
    yield Directive("RestartPreventExitStatus", ENDED_WITHOUT_SOCKET)
    yield Directive("SuccessExitStatus", ENDED_WITHOUT_SOCKET)
    yield Directive("KillMode", "process")
    yield Directive("OOMPolicy", "continue")
    yield Directive("FileDescriptorStoreMax", 1)  # the table of sessions, for the next gate
    yield Directive("TimeoutStopSec", "10s")


def before_its_servers() -> Iterator[Directive]:
    """The gate runs first, also if its servers keep all processors busy. The kernel sets their nice value to 0."""
    yield Directive("Nice", NICENESS)
    yield Directive("CPUSchedulingPolicy", "other")
    yield Directive("CPUSchedulingResetOnFork", "yes")
