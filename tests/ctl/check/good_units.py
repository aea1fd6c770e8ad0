"""Good units, what to change in them, and what `sockgatectl check` then finds."""

import json
from pathlib import Path

import pytest

from sockgate.ctl.main import run
from tests.units.tree import write_tree

ETC = "/etc/systemd/system"
SOCKET = f"{ETC}/mail.socket"
TEMPLATE = f"{ETC}/mail@.service"
RESIDENT = f"{ETC}/mail.service"
EDIT_SOCKET, EDIT_SERVICE = "`systemctl edit mail.socket`", "`systemctl edit mail@.service`"

SOCKET_UNIT = """\
[Socket]
ListenStream=25
Accept=yes
MaxConnections=200
TriggerLimitIntervalSec=0
NoDelay=yes
"""
SOCKET_UNIT_255 = SOCKET_UNIT + "PollLimitBurst=200\n"
TEMPLATE_UNIT = """\
[Unit]
CollectMode=inactive-or-failed
[Service]
ExecStart=/usr/sbin/sockgate --name %p $OPTIONS -- $SERVER
Environment="OPTIONS=--allow localhost"
Environment=SERVER=/usr/bin/server
EnvironmentFile=-/etc/default/mail
User=mail
StandardInput=socket
StandardError=journal
SyslogLevelPrefix=no
"""
RESIDENT_UNIT = """\
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/sbin/sockgated --max-connections 10 -- /usr/bin/server
User=mail
KillMode=process
FileDescriptorStoreMax=1
LogRateLimitIntervalSec=0
SyslogLevelPrefix=no
"""
GOOD = {
    SOCKET: SOCKET_UNIT,
    TEMPLATE: TEMPLATE_UNIT,
    f"{ETC}/sockets.target.wants/mail.socket": f"-> {SOCKET}",
    "/usr/sbin/sockgate": "#!/bin/sh\n",
    "/usr/sbin/sockgated": "#!/bin/sh\n",
    "/usr/bin/server": "#!/bin/sh\n",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nmail:x:8:8::/var/mail:/bin/sh\n",
    "/etc/group": "root:x:0:\nmail:x:8:\n",
}

# Name of a case: what differs from GOOD, and what is found on systemd 252.
Cases = dict[str, tuple[dict[str, str], list[str]]]


def check(root: Path, *words: str) -> tuple[int, list[str]]:
    """The exit code and the findings, one line each."""
    code, findings = check_json(root, *words)
    return code, [text_of(finding) for finding in findings]


def text_of(finding: dict[str, str | int | None]) -> str:
    place = f"{finding['file']}:{finding['line']}: " if finding["file"] else ""
    return f"{place}{finding['level']}: {finding['message']} ({finding['hint']})".replace(" ()", "")


def check_json(root: Path, *words: str) -> tuple[int, list[dict[str, str | int | None]]]:
    output = root / "output"
    with pytest.MonkeyPatch.context() as patch, open(output, "w+") as file:
        patch.setattr("sys.stdout", file)
        code = run(["check", "--root", str(root), "--json", *words])
    findings = json.loads(output.read_text())
    assert isinstance(findings, list)
    return code, findings


def edit(unit: str, old: str, new: str) -> str:
    assert unit.count(old) == 1
    return unit.replace(old, new)


def dropped(unit: str, key: str) -> str:
    lines = [line for line in unit.splitlines(keepends=True) if not line.startswith(f"{key}=")]
    assert len(lines) == len(unit.splitlines()) - 1
    return "".join(lines)


def prove(root: Path, case: tuple[dict[str, str], list[str]]) -> None:
    """What is wrong is found, and nothing else."""
    files, expected = case
    write_tree(root, GOOD | files)
    code, findings = check(root, "--systemd", "252")
    assert [finding.replace(str(root), "ROOT") for finding in findings] == expected
    assert code == int(bool(expected))
