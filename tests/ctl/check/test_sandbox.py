"""Inspections of the sandbox: setuid programs behind the server, and Courier's login."""

from pathlib import Path

import pytest

from tests.ctl.check.good_units import (
    EDIT_SERVICE,
    GOOD,
    SOCKET,
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

SETUID_TEXT = "keeps '/usr/bin/qmail-smtpd' from running setuid programs"
QMAIL = edit(TEMPLATE_UNIT, "/usr/bin/server", "/usr/bin/qmail-smtpd")
COURIER = edit(dropped(TEMPLATE_UNIT, "User"), "/usr/bin/server", "/usr/lib/imaplogin")
COURIER_TEXT = "keeps '/usr/lib/imaplogin' from becoming the mailbox's owner: every login would fail"

CASES: Cases = {
    "setuid blocked": (
        {TEMPLATE: QMAIL + "NoNewPrivileges=yes\n", "/usr/bin/qmail-smtpd": "#!/bin/sh\n"},
        [
            f"{TEMPLATE}:12: error: NoNewPrivileges= {SETUID_TEXT}: mail would be refused after DATA"
            f" (put NoNewPrivileges=no under [Service] with {EDIT_SERVICE})"
        ],
    ),
    "setuid blocked by what implies it": (
        {
            TEMPLATE: QMAIL + "SystemCallFilter=@system-service\nProtectClock=yes\nPrivateDevices=no\n",
            "/usr/bin/qmail-smtpd": "#!/bin/sh\n",
        },
        [
            f"{TEMPLATE}:13: error: ProtectClock= {SETUID_TEXT} on systemd 252: mail would be refused after DATA"
            f" (put ProtectClock=no under [Service] with {EDIT_SERVICE})",
            f"{TEMPLATE}:12: error: SystemCallFilter= {SETUID_TEXT} on systemd 252: mail would be refused after DATA"
            f" (put SystemCallFilter= under [Service] with {EDIT_SERVICE})",
        ],
    ),
    "setuid as root": (
        {
            TEMPLATE: dropped(QMAIL, "User") + "SystemCallFilter=@system-service\nProtectClock=yes\n",
            "/usr/bin/qmail-smtpd": "#!/bin/sh\n",
        },
        [],
    ),
    "Courier shut in": (
        {
            TEMPLATE: COURIER
            + "User=mail\nPrivateUsers=yes\nRestrictAddressFamilies=AF_INET\nCapabilityBoundingSet=CAP_SETUID\n",
            "/usr/lib/imaplogin": "#!/bin/sh\n",
        },
        [
            f"{TEMPLATE}:{line}: error: {key}= {COURIER_TEXT} (put {cure} under [Service] with {EDIT_SERVICE})"
            for line, key, cure in (
                (11, "User", "User=root"),
                (12, "PrivateUsers", "PrivateUsers=no"),
                (13, "RestrictAddressFamilies", "RestrictAddressFamilies=AF_UNIX"),
                (14, "CapabilityBoundingSet", "CapabilityBoundingSet=CAP_SETGID CAP_SETUID"),
            )
        ],
    ),
    "a gate that asks the network and may not": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", "--hostname --dnsbl bl")
            + "RestrictAddressFamilies=AF_UNIX\nRestrictAddressFamilies=AF_INET\nPrivateNetwork=yes\n"
            + "IPAddressDeny=any\n"
        },
        [
            f"{TEMPLATE}:13: error: RestrictAddressFamilies= keeps the gate from asking the network, which --hostname"
            f" is for (put RestrictAddressFamilies=AF_INET AF_INET6 under [Service] with {EDIT_SERVICE})",
            f"{TEMPLATE}:15: error: IPAddressDeny=any keeps the gate from asking the network, which --hostname is for"
            f" (put IPAddressDeny= under [Service] with {EDIT_SERVICE})",
            f"{TEMPLATE}:14: error: PrivateNetwork= keeps the gate from asking the network, which --hostname is for"
            f" (put PrivateNetwork=no under [Service] with {EDIT_SERVICE})",
        ],
    ),
    "a gate that asks the network and is denied one family": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", "--hostname")
            + "RestrictAddressFamilies=~AF_INET AF_INET6\nRestrictAddressFamilies=AF_INET\n"
        },
        [
            f"{TEMPLATE}:13: error: RestrictAddressFamilies= keeps the gate from asking the network, which --hostname"
            f" is for (put RestrictAddressFamilies=AF_INET AF_INET6 under [Service] with {EDIT_SERVICE})",
        ],
    ),
    "a gate that asks the network and is no longer denied it": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", "--hostname")
            + "RestrictAddressFamilies=~AF_INET AF_INET6 AF_PACKET\nRestrictAddressFamilies=AF_INET AF_INET6\n"
        },
        [],
    ),
    "a gate that asks the network and may": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", "--dnsbl bl")
            + "RestrictAddressFamilies=AF_UNIX AF_INET\nRestrictAddressFamilies=AF_INET6\n"
        },
        [],
    ),
    "Courier with what it needs": (
        {
            TEMPLATE: COURIER
            + "RestrictAddressFamilies=AF_INET\nRestrictAddressFamilies=AF_UNIX\n"
            + "CapabilityBoundingSet=~CAP_SYS_ADMIN\n",
            "/usr/lib/imaplogin": "#!/bin/sh\n",
        },
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])


def test_newer_systemd_blocks_setuid_programs_by_less(tmp_path: Path) -> None:
    unit = QMAIL + "ProtectClock=yes\nSystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\n"
    write_tree(tmp_path, GOOD | {SOCKET: SOCKET_UNIT_255, TEMPLATE: unit, "/usr/bin/qmail-smtpd": "#!/bin/sh\n"})
    assert check(tmp_path, "--systemd", "257")[1] == [
        f"{TEMPLATE}:14: error: SystemCallFilter= {SETUID_TEXT}: mail would be refused after DATA"
        f" (put SystemCallFilter= under [Service] with {EDIT_SERVICE})"
    ]


def test_a_setuid_server_is_recognised_by_its_mode(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {SOCKET: SOCKET_UNIT_255, TEMPLATE: TEMPLATE_UNIT + "PrivateUsers=yes\n"})
    (tmp_path / "usr/bin/server").chmod(0o4755)
    assert check(tmp_path, "--systemd", "257")[1] == [
        f"{TEMPLATE}:12: error: PrivateUsers= keeps '/usr/bin/server' from running setuid programs:"
        f" mail would be refused after DATA (put PrivateUsers=no under [Service] with {EDIT_SERVICE})"
    ]
