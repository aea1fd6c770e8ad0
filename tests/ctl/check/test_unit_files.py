"""Inspections of the unit files themselves: drop-ins and lines that do not do what they were written for."""

from pathlib import Path

import pytest

from tests.ctl.check.good_units import SOCKET, SOCKET_UNIT, TEMPLATE, TEMPLATE_UNIT, Cases, prove

CASES: Cases = {
    "drop-in for a newer systemd": (
        {f"{TEMPLATE}.d/50-sandbox-255.conf": "[Service]\nPrivateTmp=yes\n"},
        [
            f"warning: '{TEMPLATE}.d/50-sandbox-255.conf' is for systemd 255 and newer, this is 252"
            f" (rm {TEMPLATE}.d/50-sandbox-255.conf)"
        ],
    ),
    "line that is ignored": (
        {SOCKET: SOCKET_UNIT + "KeepAlive\n"},
        [f"{SOCKET}:7: warning: systemd ignores this line: 'KeepAlive' is not KEY=VALUE"],
    ),
    "a command for a shell": (
        {TEMPLATE: TEMPLATE_UNIT.replace("ExecStart=", "ExecStart=|")},
        [
            f"{TEMPLATE}:4: error: systemd 252 refuses the unit: 258 is the first that knows the prefix '|'"
            " (name a shell: ExecStart=/bin/sh -c ...)"
        ],
    ),
    "a second command": (
        {f"{TEMPLATE}.d/override.conf": "[Service]\nExecStart=/usr/sbin/sockgate /usr/bin/server\n"},
        [
            f"{TEMPLATE}.d/override.conf:2: error: a second ExecStart=: systemd refuses the unit"
            " (put an empty ExecStart= before it)"
        ],
    ),
    "a command that replaces the first": (
        {f"{TEMPLATE}.d/override.conf": "[Service]\nExecStart=\nExecStart=/usr/sbin/sockgate /usr/bin/server\n"},
        [],
    ),
    "drop-ins by another name": (
        {
            f"{SOCKET}.d/{name}": "[Socket]\n"
            for name in ("limits", "old.conf~", ".hidden", "x.conf.dpkg-old", "a.bak", "a.ignore")
        },
        [
            f"warning: systemd ignores '{SOCKET}.d/limits': the name of a drop-in ends in .conf"
            f" (mv {SOCKET}.d/limits {SOCKET}.d/limits.conf)"
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])
