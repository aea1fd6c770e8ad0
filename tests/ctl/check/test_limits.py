"""Inspections of the limits of the service."""

from pathlib import Path

import pytest

from sockgate.ctl.check.limits import parse_size
from tests.ctl.check.good_units import (
    EDIT_SERVICE,
    EDIT_SOCKET,
    GOOD,
    RESIDENT,
    RESIDENT_UNIT,
    SOCKET,
    SOCKET_UNIT,
    SOCKET_UNIT_255,
    TEMPLATE,
    TEMPLATE_UNIT,
    Cases,
    check,
    dropped,
    edit,
    prove,
)
from tests.units.tree import write_tree

NOT_ACCEPTING = {f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n"}
EDIT_RESIDENT = "`systemctl edit mail.service`"

CASES: Cases = {
    "memory for a C program": (
        {TEMPLATE: TEMPLATE_UNIT + "LimitAS=8000000\nMemoryMax=8M\n"},
        [
            f"{TEMPLATE}:12: error: LimitAS=8000000 is too little for the gate, which would not start (put LimitAS=64M"
            f" under [Service] with {EDIT_SERVICE}, and give the server its own with --rlimit as=8000000)",
            f"{TEMPLATE}:13: error: MemoryMax=8M is too little for the gate, which would not start"
            f" (put MemoryMax=64M under [Service] with {EDIT_SERVICE})",
        ],
    ),
    "enough memory": (
        {TEMPLATE: TEMPLATE_UNIT + "LimitAS=32M:64M\nMemoryMax=10%\nLimitDATA=infinity\nMemoryHigh=1G\n"},
        [],
    ),
    "memory for the gate and not for its list": (
        {
            "/etc/default/mail": "OPTIONS=--allow any --rules /etc/r\n",
            "/etc/r": "#" * 100_000
            + "\n"
            + "".join(f"10.0.{n % 256}.{n // 256}:allow\n" for n in range(9000))
            + ":allow\n",
            TEMPLATE: TEMPLATE_UNIT + "LimitAS=24M\n",
        },
        [
            f"{TEMPLATE}:12: error: LimitAS=24M is too little for the gate, which would not start (put LimitAS=64M"
            f" under [Service] with {EDIT_SERVICE}, and give the server its own with --rlimit as=25165824)",
        ],
    ),
    "processes and records of a resident gate": (
        NOT_ACCEPTING | {RESIDENT: dropped(RESIDENT_UNIT, "LogRateLimitIntervalSec") + "TasksMax=11\n"},
        [
            f"{RESIDENT}:9: warning: TasksMax=11 is too little for 10 clients at a time (--max-connections)"
            f" (put TasksMax=42 under [Service] with {EDIT_RESIDENT})",
            "warning: the journal drops what is more than 10,000 records in 30 s, two for each client: sockgatectl log"
            f" has gaps (put LogRateLimitIntervalSec=0 under [Service] with {EDIT_RESIDENT})",
        ],
    ),
    "draining longer than systemd waits": (
        NOT_ACCEPTING
        | {
            RESIDENT: edit(RESIDENT_UNIT, "sockgated", "sockgated --drain 60")
            + "TimeoutSec=2min\nTimeoutStopSec=1min\n"
        },
        [
            f"{RESIDENT}:11: warning: TimeoutStopSec=1min ends --drain 60 early: sessions that are still running lose"
            f" their gate (put TimeoutStopSec=70s under [Service] with {EDIT_RESIDENT})"
        ],
    ),
    "draining longer than systemd waits by default": (
        NOT_ACCEPTING | {RESIDENT: edit(RESIDENT_UNIT, "sockgated", "sockgated --drain 100")},
        [
            "warning: TimeoutStopSec=90s ends --drain 100 early: sessions that are still running lose their gate"
            f" (put TimeoutStopSec=110s under [Service] with {EDIT_RESIDENT})"
        ],
    ),
    "draining as long as systemd waits": (
        NOT_ACCEPTING
        | {RESIDENT: edit(RESIDENT_UNIT, "sockgated", "sockgated --drain 600") + "TimeoutStopSec=infinity\n"},
        [],
    ),
    "timeouts of a gate that may not end servers": (
        NOT_ACCEPTING
        | {
            RESIDENT: edit(dropped(RESIDENT_UNIT, "User"), "sockgated", "sockgated --session-timeout 60")
            + "CapabilityBoundingSet=CAP_SETUID CAP_SETGID\n"
        },
        [
            f"{RESIDENT}:9: warning: --session-timeout cannot end a server that becomes another user:"
            " CapabilityBoundingSet= is without CAP_KILL (put CapabilityBoundingSet=CAP_KILL under [Service] with"
            f" {EDIT_RESIDENT})"
        ],
    ),
    "timeouts of a gate that may": (
        NOT_ACCEPTING
        | {
            RESIDENT: edit(dropped(RESIDENT_UNIT, "User"), "sockgated", "sockgated --session-timeout 60")
            + "CapabilityBoundingSet=CAP_SETUID CAP_SETGID\nCapabilityBoundingSet=CAP_KILL\n"
        },
        [],
    ),
    "an idle timeout without descriptors": (
        NOT_ACCEPTING
        | {RESIDENT: edit(RESIDENT_UNIT, "--max-connections 10", "--max-connections 1000 --idle-timeout 60")},
        [
            "warning: --idle-timeout keeps a descriptor for each client: 1024 are too few for 1000 clients at a time"
            f" (--max-connections) (put LimitNOFILE=1128 under [Service] with {EDIT_RESIDENT})"
        ],
    ),
    "limits for each session without their control groups": (
        NOT_ACCEPTING
        | {
            RESIDENT: edit(RESIDENT_UNIT, "sockgated", "sockgated --session-tasks 9 --session-memory 64M")
            + "ProtectControlGroups=yes\nDelegate=memory\n"
        },
        [
            "error: --session-memory and --session-tasks need control of the service's control group"
            f" (put Delegate=memory pids and ProtectControlGroups=no under [Service] with {EDIT_RESIDENT})"
        ],
    ),
    "a limit for each session, and control that a later line takes away": (
        NOT_ACCEPTING
        | {
            RESIDENT: edit(RESIDENT_UNIT, "sockgated", "sockgated --session-tasks 9")
            + "Delegate=memory\nDelegate=pids\nDelegate=no\n"
        },
        [
            "error: --session-tasks needs control of the service's control group"
            f" (put Delegate=pids under [Service] with {EDIT_RESIDENT})"
        ],
    ),
    "a limit for each session, and control that several lines give": (
        NOT_ACCEPTING
        | {
            RESIDENT: edit(RESIDENT_UNIT, "sockgated", "sockgated --session-tasks 9")
            + "Delegate=pids\nDelegate=memory\n"
        },
        [],
    ),
    "a limit for each session, and control of everything": (
        NOT_ACCEPTING
        | {RESIDENT: edit(RESIDENT_UNIT, "sockgated", "sockgated --session-memory 64M") + "Delegate=yes\n"},
        [],
    ),
    "a short queue": (
        {SOCKET: SOCKET_UNIT + "Backlog=20\n"},
        [
            f"{SOCKET}:7: warning: Backlog=20: of more clients at once than that, the others wait a second or more to"
            f" be heard (put Backlog=4096 under [Socket] with {EDIT_SOCKET})"
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])


def test_from_systemd_254_on_the_gate_needs_a_control_group_that_systemd_puts_it_into(tmp_path: Path) -> None:
    unit = edit(RESIDENT_UNIT, "sockgated", "sockgated --session-tasks 9") + "Delegate=pids\n"
    write_tree(tmp_path, GOOD | NOT_ACCEPTING | {SOCKET: SOCKET_UNIT_255, RESIDENT: unit})
    wrong = (
        "error: --session-tasks needs control of the service's control group (put DelegateSubgroup=gate under [Service]"
        f" with {EDIT_RESIDENT})"
    )
    assert wrong in check(tmp_path, "--systemd", "257")[1]
    assert wrong not in check(tmp_path, "--systemd", "252")[1]
    (tmp_path / RESIDENT[1:]).write_text(unit + "DelegateSubgroup=gate\n")
    assert wrong not in check(tmp_path, "--systemd", "257")[1]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8000000", 8_000_000), ("64M", 64 << 20), ("1K", 1024), ("2G:4G", 2 << 30), ("infinity", None), ("", None),
        ("10%", None), ("1X", None), ("64MB", 64 << 20),
    ],
)  # fmt: skip
def test_sizes_are_read_as_systemd_reads_them(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", ["²", "٣", "9" * 4301], ids=["superscript", "arabic", "more than int() takes"])
@pytest.mark.parametrize("directive", ["TasksMax", "LimitNOFILE", "MemoryMax"])
def test_what_is_no_number_is_compared_with_nothing(tmp_path: Path, directive: str, value: str) -> None:
    socket = f"{SOCKET_UNIT}Backlog={value}\n"
    write_tree(tmp_path, GOOD | NOT_ACCEPTING | {SOCKET: socket, RESIDENT: f"{RESIDENT_UNIT}{directive}={value}\n"})
    assert not [finding for finding in check(tmp_path)[1] if "too little" in finding or "too few" in finding]
