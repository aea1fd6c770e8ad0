"""Inspections of the service unit: its user, its sandbox, what becomes of instances that failed."""

from pathlib import Path

import pytest

from tests.ctl.check.good_units import (
    EDIT_SERVICE,
    EDIT_SOCKET,
    RESIDENT,
    RESIDENT_UNIT,
    SOCKET,
    TEMPLATE,
    TEMPLATE_UNIT,
    Cases,
    dropped,
    edit,
    prove,
)

CASES: Cases = {
    "user missing": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "User=mail", "User=none\nGroup=none\nSupplementaryGroups=mail tape")},
        [
            f"{TEMPLATE}:8: error: User=none: there is no such user (create it, or name another with {EDIT_SERVICE})",
            f"{TEMPLATE}:9: error: Group=none: there is no such group (create it, or name another with {EDIT_SERVICE})",
            f"{TEMPLATE}:10: error: SupplementaryGroups=tape: there is no such group"
            f" (create it, or name another with {EDIT_SERVICE})",
        ],
    ),
    "shared user": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "User=mail", "User=nobody"),
            "/etc/passwd": "nobody:x:65534:65534::/:/bin/false\n",
        },
        [
            f"{TEMPLATE}:8: warning: User=nobody is shared with all programs that have no user of their own"
            " (make one: useradd --system NAME)"
        ],
    ),
    "dynamic user": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "User=mail", "User=other\nDynamicUser=yes")},
        [],
    ),
    "resident service that ends sessions and stops for good": (
        {
            RESIDENT: dropped(dropped(RESIDENT_UNIT, "KillMode"), "StartLimitIntervalSec"),
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\nTriggerLimitIntervalSec=2s\n",
        },
        [
            f"{SOCKET}.d/no.conf:3: warning: the trigger limit is on: after 20 starts within 2 s systemd stops the"
            f" socket for good (put TriggerLimitIntervalSec=0 under [Socket] with {EDIT_SOCKET})",
            "warning: KillMode=control-group ends every running session when sockgated is restarted"
            " (put KillMode=process under [Service] with `systemctl edit mail.service`)",
            f"{RESIDENT}:1: warning: the start limit is on: after five quick restarts systemd stops the socket for good"
            " (put StartLimitIntervalSec=0 under [Unit] with `systemctl edit mail.service`)",
        ],
    ),
    "resident service that forgets its sessions": (
        {
            RESIDENT: RESIDENT_UNIT.replace("FileDescriptorStoreMax=1", "FileDescriptorStoreMax=0"),
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n",
        },
        [
            f"{RESIDENT}:7: warning: there is no FileDescriptorStoreMax=: after a restart, sessions that run on count"
            " for no limit, and their end is not recorded (put FileDescriptorStoreMax=1 under [Service] with `systemctl"
            " edit mail.service`)",
        ],
    ),
    "resident service whose servers go first": (
        {
            RESIDENT: RESIDENT_UNIT + "Nice=-11\nCPUSchedulingResetOnFork=yes\n",
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n",
        },
        [
            f"{RESIDENT}:10: warning: Nice=-11 without CPUSchedulingPolicy=: servers, too, go before everything else on"
            " this machine (write CPUSchedulingPolicy=other)"
        ],
    ),
    "resident service whose servers do not": (
        {
            RESIDENT: RESIDENT_UNIT + "Nice=-11\nCPUSchedulingPolicy=other\nCPUSchedulingResetOnFork=yes\n",
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n",
        },
        [],
    ),
    "resident service that is nicer": (
        {RESIDENT: RESIDENT_UNIT + "Nice=5\n", f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n"},
        [],
    ),
    "errors sent to the client": (
        {TEMPLATE: dropped(TEMPLATE_UNIT, "StandardError")},
        [
            f"{TEMPLATE}:9: warning: StandardInput=socket without StandardError= sends what the server writes to"
            f" standard error to the client (put StandardError=journal under [Service] with {EDIT_SERVICE})"
        ],
    ),
    "priority chosen by the client": (
        {TEMPLATE: dropped(TEMPLATE_UNIT, "SyslogLevelPrefix")},
        [
            "warning: SyslogLevelPrefix= is not set: a client whose text is logged can choose its priority"
            f" (put SyslogLevelPrefix=no under [Service] with {EDIT_SERVICE})"
        ],
    ),
    "failed units left behind": (
        {TEMPLATE: dropped(TEMPLATE_UNIT, "CollectMode")},
        [
            "warning: CollectMode= is not set: each connection that fails leaves a failed unit behind"
            f" (put CollectMode=inactive-or-failed under [Unit] with {EDIT_SERVICE})"
        ],
    ),
    "failures of the server hidden": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "=/usr/sbin", "=-/usr/sbin")},
        [
            f"{TEMPLATE}:4: warning: ExecStart= with `-` keeps systemd from logging how a server failed: sockgatectl"
            " log cannot tell (write ExecStart=/usr/sbin/sockgate ...)"
        ],
    ),
    "restarted on a dead connection": (
        {TEMPLATE: TEMPLATE_UNIT + "Restart=always\n"},
        [
            f"{TEMPLATE}:12: warning: Restart=always starts the server again on a connection that has ended"
            f" (put Restart=no under [Service] with {EDIT_SERVICE})"
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])
