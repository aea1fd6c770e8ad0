"""sockgatectl check: what it finds in units, and the text of every finding."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sockgate.core.errors import ConfigError
from sockgate.ctl.check.machine import Machine
from sockgate.ctl.check.rules import RULES
from sockgate.ctl.gated import find_named, gate_names
from sockgate.ctl.main import run
from sockgate.units.search import UnitSearch
from tests.units.tree import write_tree

ETC = "/etc/systemd/system"
SOCKET = f"{ETC}/mail.socket"
TEMPLATE = f"{ETC}/mail@.service"
RESIDENT = f"{ETC}/mail.service"

SOCKET_UNIT = """\
[Socket]
ListenStream=25
Accept=yes
MaxConnections=200
TriggerLimitIntervalSec=0
PollLimitBurst=200
"""
TEMPLATE_UNIT = """\
[Unit]
CollectMode=inactive-or-failed
[Service]
ExecStart=-/usr/sbin/sockgate --name %p $OPTIONS -- $SERVER
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


@pytest.mark.parametrize("version", ["247", "252", "257"])
@pytest.mark.parametrize("units", [[], ["mail"], ["mail.socket"], ["mail@.service"], ["mail@3-x.service"]])
def test_nothing_is_found_in_good_units(tmp_path: Path, units: list[str], version: str) -> None:
    write_tree(tmp_path, GOOD)
    assert check(tmp_path, "--systemd", version, *units) == (0, [])


def test_nothing_is_found_in_good_resident_units(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {RESIDENT: RESIDENT_UNIT, f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n"})
    assert check(tmp_path, "--systemd", "257") == (0, [])
    assert check(tmp_path, "--systemd", "257", "mail.service") == (0, [])


EDIT_SOCKET, EDIT_SERVICE = "`systemctl edit mail.socket`", "`systemctl edit mail@.service`"
SETUID_TEXT = "keeps '/usr/bin/qmail-smtpd' from running setuid programs"
QMAIL = edit(TEMPLATE_UNIT, "/usr/bin/server", "/usr/bin/qmail-smtpd")
HIDDEN = {"/home/x/allow.txt": "", "/root/server": "#!/bin/sh\n"}

# name of the case: (what differs from GOOD, what is found on systemd 252)
CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    "gate missing": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "/usr/sbin/sockgate", "/opt/sockgate")},
        [
            f"{TEMPLATE}:4: error: unable to run '/opt/sockgate': it does not exist or is not executable"
            " (is sockgate installed there?)"
        ],
    ),
    "environment file missing": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "EnvironmentFile=-", "EnvironmentFile=")},
        [
            f"{TEMPLATE}:7: error: unable to read '/etc/default/mail': No such file or directory"
            " (create it, or write EnvironmentFile=-...)"
        ],
    ),
    "environment file written by the socket": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "EnvironmentFile=-/etc/default/mail", "EnvironmentFile=/run/%p.env"),
            SOCKET: SOCKET_UNIT + "ExecStartPre=/bin/sockgatectl courier-environment /etc/imapd --output /run/%p.env\n",
        },
        [],
    ),
    "variables that systemd ignores": (
        {TEMPLATE: TEMPLATE_UNIT + "Environment=nonsense\n"},
        [f"{TEMPLATE}:12: warning: systemd ignores a part of it: 'nonsense' is not NAME=VALUE"],
    ),
    "wrong option in the unit": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", "--allow 192.168.0")},
        [
            f"{TEMPLATE}:5: error: --allow: '192.168.0' is not an IP address (for the network write 192.168.0.0/24)",
        ],
    ),
    "wrong option in the environment file": (
        {"/etc/default/mail": "# ours\nOPTIONS=--alow any\n"},
        ["/etc/default/mail:2: error: unknown option '--alow' (see sockgate(8))"],
    ),
    "missing value": (
        {"/etc/default/mail": "OPTIONS=--allow\n"},
        ["/etc/default/mail:1: error: --allow needs a value: --allow LIST"],
    ),
    "no server": (
        {"/etc/default/mail": "SERVER=\n"},
        [
            f"{TEMPLATE}:4: error: no server given (usage: sockgate [OPTION...] [--] PROGRAM [ARGUMENT...])",
        ],
    ),
    "unreadable rules": (
        {"/etc/default/mail": "OPTIONS=--rules /etc/none.rules\n"},
        ["/etc/default/mail:1: error: unable to read 'ROOT/etc/none.rules': No such file or directory"],
    ),
    "server missing": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "/usr/bin/server", "/usr/bin/none")},
        [
            f"{TEMPLATE}:6: error: unable to run '/usr/bin/none': No such file or directory"
            " (install it, or name another)"
        ],
    ),
    "server not executable": (
        {"/usr/bin/server": ""},
        [f"{TEMPLATE}:6: error: unable to run '/usr/bin/server': Permission denied (install it, or name another)"],
    ),
    "server found on the path": ({TEMPLATE: edit(TEMPLATE_UNIT, "/usr/bin/server", "server")}, []),
    "server not on the path": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "/usr/bin/server", "none")},
        [f"{TEMPLATE}:6: error: unable to run 'none': not found on PATH (write its absolute path)"],
    ),
    "server by a relative path": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "/usr/bin/server", "bin/server")},
        [f"{TEMPLATE}:6: error: unable to run 'bin/server': not an absolute path (services start in /)"],
    ),
    "server hidden": (
        HIDDEN | {TEMPLATE: edit(TEMPLATE_UNIT, "/usr/bin/server", "/root/server") + "ProtectHome=yes\n"},
        [
            f"{TEMPLATE}:6: error: '/root/server' is hidden from the service by ProtectHome=yes"
            " (move it, or allow it with BindReadOnlyPaths=)"
        ],
    ),
    "server hidden and bound": (
        HIDDEN
        | {
            TEMPLATE: edit(TEMPLATE_UNIT, "/usr/bin/server", "/root/server")
            + "ProtectHome=tmpfs\nBindReadOnlyPaths=-/root\n"
        },
        [],
    ),
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
            f"{TEMPLATE}:8: warning: User=nobody is shared with everything else that has no user of its own"
            " (make one: useradd --system NAME)"
        ],
    ),
    "dynamic user": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "User=mail", "User=other\nDynamicUser=yes")},
        [],
    ),
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
    "per connection program in a resident service": (
        {
            RESIDENT: edit(RESIDENT_UNIT, "sockgated --max-connections 10", "sockgate"),
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n",
        },
        [
            f"{RESIDENT}:4: error: sockgate cannot serve a socket with Accept=no: mail.service must run sockgated"
            " (or set Accept=yes in the socket)"
        ],
    ),
    "resident program in a template": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "/usr/sbin/sockgate", "/usr/sbin/sockgated")},
        [
            f"{TEMPLATE}:4: error: sockgated cannot serve a socket with Accept=yes: mail@.service must run sockgate"
            " (or set Accept=no in the socket)"
        ],
    ),
    "wrong limit of a resident service": (
        {
            RESIDENT: edit(RESIDENT_UNIT, "--max-connections 10", "--max-connections ten"),
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n",
        },
        [f"{RESIDENT}:4: error: --max-connections: 'ten' is not a whole number from 1 to 1000000"],
    ),
    "resident service that ends sessions and stops for good": (
        {
            RESIDENT: dropped(dropped(RESIDENT_UNIT, "KillMode"), "StartLimitIntervalSec"),
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\nTriggerLimitIntervalSec=\n",
        },
        [
            f"{SOCKET}:1: warning: the trigger limit is on: after 20 starts within 2 s systemd stops the socket"
            f" for good (put TriggerLimitIntervalSec=0 under [Socket] with {EDIT_SOCKET})",
            "warning: KillMode=control-group ends every running session when sockgated is restarted"
            " (put KillMode=process under [Service] with `systemctl edit mail.service`)",
            f"{RESIDENT}:1: warning: the start limit is on: after five quick restarts systemd stops the socket for good"
            " (put StartLimitIntervalSec=0 under [Unit] with `systemctl edit mail.service`)",
        ],
    ),
    "service missing": (
        {f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n"},
        ["error: there is no unit 'mail.service', or it is masked (mail.socket starts it)"],
    ),
    "port of another socket": (
        {
            f"{ETC}/other.socket": "[Socket]\nListenStream=127.0.0.1:25\nListenStream=[::]:25\n",
            f"{ETC}/sockets.target.wants/other.socket": f"-> {ETC}/other.socket",
            f"{ETC}/idle.socket": "[Socket]\nListenStream=25\n",
            f"{ETC}/different.socket": "[Socket]\nListenStream=26\nListenDatagram=25\nListenStream=/run/25\n",
            f"{ETC}/sockets.target.wants/different.socket": f"-> {ETC}/different.socket",
        },
        [
            f"{SOCKET}:2: warning: port 25 is also that of other.socket, which is enabled"
            " (systemctl disable --now other.socket)"
        ],
    ),
    "trigger limit on": (
        {SOCKET: edit(SOCKET_UNIT, "IntervalSec=0", "IntervalSec=10s")},
        [
            f"{SOCKET}:5: warning: the trigger limit is on: after 200 connections within 2 s systemd stops the socket"
            f" for good (put TriggerLimitIntervalSec=0 under [Socket] with {EDIT_SOCKET})"
        ],
    ),
    "trigger limit off by its burst": ({SOCKET: edit(SOCKET_UNIT, "TriggerLimitIntervalSec", "TriggerLimitBurst")}, []),
    "connections not limited": (
        {SOCKET: dropped(SOCKET_UNIT, "MaxConnections")},
        [
            "warning: MaxConnections= is not set: the 65th client at a time is disconnected without a word"
            f" (put MaxConnections=200 under [Socket] with {EDIT_SOCKET})"
        ],
    ),
    "address of an interface": (
        {SOCKET: edit(SOCKET_UNIT, "=25", "=127.0.0.1:25\nListenStream=192.168.0.1:25")},
        [
            f"{SOCKET}:3: warning: 192.168.0.1:25 fails at boot if its interface has no address yet"
            f" (put FreeBind=yes under [Socket] with {EDIT_SOCKET})"
        ],
    ),
    "address of an interface with FreeBind": (
        {SOCKET: edit(SOCKET_UNIT, "=25", "=192.168.0.1:25\nFreeBind=true")},
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
    "failures of the server count": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "=-/usr/sbin", "=/usr/sbin")},
        [
            f"{TEMPLATE}:4: warning: ExecStart= without `-`: a server that ends with an error makes the unit fail"
            " (write ExecStart=-/usr/sbin/sockgate ...)"
        ],
    ),
    "restarted on a dead connection": (
        {TEMPLATE: TEMPLATE_UNIT + "Restart=always\n"},
        [
            f"{TEMPLATE}:12: warning: Restart=always starts the server again on a connection that has ended"
            f" (put Restart=no under [Service] with {EDIT_SERVICE})"
        ],
    ),
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
    "line that systemd rejects": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "--name %p", "--name %z")},
        [
            f"error: {TEMPLATE}:4: systemd rejects this ExecStart=: the specifier '%z' is not known"
            " (a plain percent sign is written %%)"
        ],
    ),
    "no socket": (
        {SOCKET: "", f"{ETC}/x.target.wants/mail@.service": f"-> {TEMPLATE}"},
        [
            "warning: no socket unit starts it: there is no mail.socket, or it starts another unit",
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    files, expected = CASES[case]
    write_tree(tmp_path, GOOD | files)
    code, findings = check(tmp_path, "--systemd", "252")
    assert [finding.replace(str(tmp_path), "ROOT") for finding in findings] == expected
    assert code == int(bool(expected))


def test_polling_is_limited_where_systemd_limits_it(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {SOCKET: dropped(SOCKET_UNIT, "PollLimitBurst")})
    assert check(tmp_path, "--systemd", "254") == (0, [])
    assert check(tmp_path, "--systemd", "255")[1] == [
        "warning: PollLimitBurst= is not set: systemd accepts at most 75 connections a second"
        f" (put PollLimitBurst=400 under [Socket] with {EDIT_SOCKET})"
    ]


def test_newer_systemd_blocks_setuid_programs_by_less(tmp_path: Path) -> None:
    unit = QMAIL + "ProtectClock=yes\nSystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\n"
    write_tree(tmp_path, GOOD | {TEMPLATE: unit, "/usr/bin/qmail-smtpd": "#!/bin/sh\n"})
    assert check(tmp_path, "--systemd", "257")[1] == [
        f"{TEMPLATE}:14: error: SystemCallFilter= {SETUID_TEXT}: mail would be refused after DATA"
        f" (put SystemCallFilter= under [Service] with {EDIT_SERVICE})"
    ]


def test_a_setuid_server_is_recognised_by_its_mode(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {TEMPLATE: TEMPLATE_UNIT + "PrivateUsers=yes\n"})
    (tmp_path / "usr/bin/server").chmod(0o4755)
    assert check(tmp_path, "--systemd", "257")[1] == [
        f"{TEMPLATE}:12: error: PrivateUsers= keeps '/usr/bin/server' from running setuid programs:"
        f" mail would be refused after DATA (put PrivateUsers=no under [Service] with {EDIT_SERVICE})"
    ]


# These need a port in use or another user: tests/system/test_check.py. Or another version: below.
TESTED_ELSEWHERE = {"port_taken", "files_unreadable", "poll_limit"}


def test_every_rule_has_a_case(tmp_path: Path) -> None:
    tested = set(TESTED_ELSEWHERE)
    for number, (files, _) in enumerate(CASES.values()):
        root = tmp_path / str(number)
        write_tree(root, GOOD | files)
        machine = Machine(UnitSearch(str(root)), 252)
        for name in gate_names(machine.search):
            with contextlib.suppress(ConfigError):
                gated = find_named(name, machine.search)
                tested |= {rule.find.__name__ for rule in RULES if list(rule.find(gated, machine))}
    assert tested == {rule.find.__name__ for rule in RULES}


PIECES = [
    "[Socket]", "[Service]", "[", "\n", "\n", "\n", "=", " ", "\\", "'", '"', "%", "$", "%z", "-", "/", "~", ":", "é",
    "\0", "ListenStream", "Accept", "Service", "ExecStart", "ExecStartPre", "Environment", "EnvironmentFile", "User",
    "OPTIONS", "SystemCallFilter", "PrivateTmp", "yes", "[::1]:25", "99999999", "/usr/sbin/sockgate", "$OPTIONS",
    "--allow", "any",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(PIECES)).map("".join), st.lists(st.sampled_from(PIECES)).map("".join), st.text())
def test_nothing_that_stands_in_a_unit_breaks_it(tmp_path: Path, socket: str, service: str, variables: str) -> None:
    files = {
        SOCKET: SOCKET_UNIT + socket,
        TEMPLATE: TEMPLATE_UNIT + service,
        "/etc/default/mail": f"OPTIONS={variables}",
    }
    if not (tmp_path / "etc").exists():
        write_tree(tmp_path, GOOD)
    write_tree(tmp_path, {path: text.encode("utf-8", "replace").decode() for path, text in files.items()})
    assert check(tmp_path, "--systemd", "252", "mail.socket")[0] in (0, 1)


def test_warnings_are_left_out_on_request(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {SOCKET: "[Socket]\nListenStream=25\nAccept=yes\n"})
    assert len(check(tmp_path, "--systemd", "252")[1]) == 2
    assert check(tmp_path, "--systemd", "252", "--level", "error") == (0, [])


def test_the_version_is_that_of_the_system_in_the_directory(tmp_path: Path) -> None:
    library = "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.9-1.so"
    write_tree(tmp_path, GOOD | {SOCKET: dropped(SOCKET_UNIT, "PollLimitBurst"), library: ""})
    assert len(check(tmp_path)[1]) == 1


def test_a_finding_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path, GOOD | {"/etc/default/mail": "OPTIONS=--alow any\n"})
    assert run(["check", "--root", str(tmp_path), "--systemd", "252", "mail"]) == 1
    assert capsys.readouterr().out == (
        "/etc/default/mail:1: error: mail@.service: unknown option '--alow' (see sockgate(8))\n"
    )


def test_only_what_is_enabled_is_checked_unless_it_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = f"{ETC}/sockets.target.wants/mail.socket"
    bad = {path: text for path, text in GOOD.items() if path != link} | {"/etc/default/mail": "OPTIONS=--alow\n"}
    write_tree(tmp_path, bad)
    options = ["check", "--root", str(tmp_path), "--systemd", "252"]
    assert run(options) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (
        "", "sockgatectl: left out, not enabled: mail.socket (--all includes them)\n",
    )  # fmt: skip
    assert run([*options, "--all"]) == run([*options, "mail.socket"]) == 1


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ("none.socket", "error: there is no unit 'none.socket', or it is masked"),
        ("other.service", f"error: 'other.service' does not run a gate (see its ExecStart= in {ETC}/other.service)"),
    ],
)
def test_a_unit_that_cannot_be_checked_is_a_finding(tmp_path: Path, unit: str, message: str) -> None:
    write_tree(tmp_path, GOOD | {f"{ETC}/other.service": "[Service]\nExecStart=/bin/true\n"})
    assert check(tmp_path, "--systemd", "252", unit) == (1, [message])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a/b.socket"], "sockgatectl: 'a/b.socket' is not the name of a unit\n"),
        (["--root", "/none"], "sockgatectl: '/none' is not a directory\n"),
        (
            ["--level", "x"],
            "sockgatectl: check: argument --level: invalid choice: 'x' (choose from 'error', 'warning')"
            " (see sockgatectl check --help)\n",
        ),
    ],
)
def test_wrong_usage_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", *words]) == 2
    assert capsys.readouterr().err == message
