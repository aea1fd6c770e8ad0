"""Inspections of the gate's command line: variables, options, files, server."""

from pathlib import Path

import pytest

from sockgate.dispatch.options import LIMIT_OPTIONS
from tests.ctl.check.good_units import (
    GOOD,
    RESIDENT,
    RESIDENT_UNIT,
    SOCKET,
    SOCKET_UNIT,
    TEMPLATE,
    TEMPLATE_UNIT,
    Cases,
    check,
    edit,
    prove,
)
from tests.units.tree import write_tree

HIDDEN = {"/home/x/allow.txt": "", "/root/server": "#!/bin/sh\n"}

CASES: Cases = {
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
    "a comment that goes on": (
        {"/etc/default/mail": "# a \\\nA=1\n;b\\\nB=2\nC=3\\\nD=4\n#c\\\n"},
        [
            f"/etc/default/mail:{line}: warning: systemd 252 takes this line for a part of the comment above, which"
            " ends in a backslash (take the backslash away)"
            for line in (2, 4)
        ],
    ),
    "variables that a shell expanded": (
        {"/etc/default/mail": 'PASSWORD=x$y$5\nOPTIONS="--allow localhost"\nA="$B AUTH"\nD=`id -u`\n'},
        [
            "/etc/default/mail:3: warning: systemd does not expand '$B' in A= (for Courier's: sockgatectl"
            " courier-environment /etc/default/mail --output /run/sockgate/NAME.env as ExecStartPre= of mail.socket,"
            " and that file here)"
        ],
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
    "an option of the resident gate": (
        {"/etc/default/mail": "# ours\nOPTIONS=--rate-per-source 10/60\n"},
        [
            "/etc/default/mail:2: error: --rate-per-source needs the resident gate, sockgated"
            " (with Accept=no in mail.socket, and there in SOCKGATE_RESIDENT: see sockgated(8))"
        ],
    ),
    "options of the resident gate that systemd has as well": (
        {"/etc/default/mail": "OPTIONS=--session-memory 64M\n"},
        [
            "/etc/default/mail:1: error: --session-memory needs the resident gate, sockgated (with Accept=no in"
            " mail.socket, and there in SOCKGATE_RESIDENT: see sockgated(8); or MemoryMax= in mail@.service)"
        ],
    ),
    "a variable that no command uses": (
        {
            TEMPLATE: TEMPLATE_UNIT.replace("$OPTIONS", "$SOCKGATE_OPTIONS $OPTIONS $SOCKGATE_MORE"),
            "/etc/default/mail": "SOCKGATE_OPTION=--allow any\nSOCKGATE_RESIDENT=\nSOCKGATE_MORE=\n",
        },
        ["/etc/default/mail:1: error: no command uses 'SOCKGATE_OPTION' (those of mail@.service are SOCKGATE_OPTIONS)"],
    ),
    "settings where sockgate's own units have them, of a service that reads another file": (
        {"/etc/default/sockgate-mail": "# ours\nSOCKGATE_OPTIONS=--deny 192.0.2.1\n"},
        [
            "/etc/default/sockgate-mail:2: warning: the unit does not read this file: what it sets has no effect"
            " (change ExecStart= with `systemctl edit --full mail@.service`)"
        ],
    ),
    "settings where sockgate's own units have them, of a service that is made of a line": (
        {
            TEMPLATE: "-> /run/systemd/generator/mail@.service",
            "/run/systemd/generator/mail@.service": "# Converted from /etc/xinetd.d/mail:1 by sockgatectl; see x(7).\n"
            + TEMPLATE_UNIT,
            "/etc/sysconfig/sockgate-mail": "SOCKGATE_OPTIONS=--deny 192.0.2.1\n",
        },
        [
            "/etc/sysconfig/sockgate-mail:1: warning: the unit does not read this file: what it sets has no effect"
            " (say it in /etc/xinetd.d/mail:1)"
        ],
    ),
    "settings where sockgate's own units have them, of a unit that another generator made": (
        {
            TEMPLATE: "-> /run/systemd/generator/mail@.service",
            "/run/systemd/generator/mail@.service": TEMPLATE_UNIT,
            "/etc/sysconfig/sockgate-mail": "SOCKGATE_OPTIONS=--deny 192.0.2.1\n",
        },
        [
            "/etc/sysconfig/sockgate-mail:1: warning: the unit does not read this file: what it sets has no effect"
            " (change ExecStart= with `systemctl edit --full mail@.service`)"
        ],
    ),
    "no settings in the file of sockgate's own units": ({"/etc/sysconfig/sockgate-mail": "#SOCKGATE_OPTIONS=\n"}, []),
    "settings in the file of sockgate's own units": (
        {
            TEMPLATE: TEMPLATE_UNIT.replace("=-/etc/default/mail", "=-/etc/default/sockgate-%p"),
            "/etc/default/sockgate-mail": "SOCKGATE_SERVER=/usr/bin/server\n",
        },
        [],
    ),
    "a variable that is kept from the server and, before 262, from the command line as well": (
        {
            TEMPLATE: TEMPLATE_UNIT + "UnsetEnvironment=OPTIONS OTHER\n",
            "/etc/default/mail": "OPTIONS=--allow 192.0.2.1\n",
        },
        [
            f"{TEMPLATE}:12: error: systemd 252 takes 'OPTIONS' out of the command line, too; 262 does not"
            " (take it out here: a gate hands no SOCKGATE_ variable on to its server)"
        ],
    ),
    "an error in a file that an option names": (
        {"/etc/default/mail": "OPTIONS=--rules /etc/tcp.smtp\n", "/etc/tcp.smtp": "192.168.\n:allow\n"},
        [
            "/etc/default/mail:1: error: ROOT/etc/tcp.smtp:1: '192.168.' has neither ':allow' nor ':deny'"
            ' (write ADDRESS:allow,VAR="VALUE" or ADDRESS:deny)'
        ],
    ),
    "a list without quotes": (
        {"/etc/default/mail": "OPTIONS=--allow 192.0.2.1 192.0.2.2\n"},
        [
            "/etc/default/mail:1: error: unable to run '192.0.2.2': not found on PATH (a list with blanks stands in"
            ' quotes: --allow "192.0.2.1 192.0.2.2")'
        ],
    ),
    "a list of networks without quotes": (
        {"/etc/default/mail": "OPTIONS=--allow 192.0.2.1, 192.0.2.0/24, 10.0.0.0/8\n"},
        [
            "/etc/default/mail:1: error: unable to run '192.0.2.0/24,': not an absolute path (a list with blanks stands"
            ' in quotes: --allow "192.0.2.1 192.0.2.2")'
        ],
    ),
    "an option that the unit and the environment file give": (
        {"/etc/default/mail": "\nOPTIONS=--name mx\n"},
        ["/etc/default/mail:2: error: --name is given twice"],
    ),
    "an option that the environment file and the unit behind it give": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "--name %p $OPTIONS", "$OPTIONS --name=%p"),
            "/etc/default/mail": "\nOPTIONS=--name mx\n",
        },
        ["/etc/default/mail:2: error: --name is given twice"],
    ),
    "an option that two lines of the environment file give": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "$OPTIONS", "$LIMITS $OPTIONS"),
            "/etc/default/mail": "LIMITS=--max-load 3\nOPTIONS=--max-load=4\n",
        },
        ["/etc/default/mail:2: error: --max-load is given twice"],
    ),
    "a wrong option that a right one of the unit begins with": (
        {"/etc/default/mail": "OPTIONS=--na mx\n"},
        ["/etc/default/mail:1: error: unknown option '--na' (see sockgate(8))"],
    ),
    "a wrong value that other words of the unit contain": (
        {"/etc/default/mail": "OPTIONS=--max-load a\n"},
        ["/etc/default/mail:1: error: --max-load: 'a' is not a load (write a number above 0, such as 2.5)"],
    ),
    "missing value": (
        {"/etc/default/mail": "OPTIONS=--allow\n"},
        ["/etc/default/mail:1: error: --allow needs a value: --allow LIST"],
    ),
    "no server": (
        {"/etc/default/mail": "SERVER=\n"},
        [
            "/etc/default/mail:1: error: no server given (usage: sockgate [OPTION...] [--] PROGRAM [ARGUMENT...])",
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
    "server missing that a variable names": (
        {
            TEMPLATE: edit(TEMPLATE_UNIT, "$SERVER", "$SOCKGATE_SERVER"),
            "/etc/default/mail": "SOCKGATE_SERVER=/usr/bin/none\n",
        },
        [
            "/etc/default/mail:1: error: unable to run '/usr/bin/none': No such file or directory"
            " (install it, or name another: SOCKGATE_SERVER= in /etc/default/mail)"
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
    "server hidden, in another word of systemd's": (
        HIDDEN | {TEMPLATE: edit(TEMPLATE_UNIT, "/usr/bin/server", "/root/server") + "ProtectHome=t\n"},
        [
            f"{TEMPLATE}:6: error: '/root/server' is hidden from the service by ProtectHome=t"
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
    "wrong limit of a resident service": (
        {
            RESIDENT: edit(RESIDENT_UNIT, "--max-connections 10", "--max-connections ten"),
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n",
        },
        [f"{RESIDENT}:4: error: --max-connections: 'ten' is not a whole number from 1 to 1000000"],
    ),
    "line that systemd rejects": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "--name %p", "--name %z")},
        [
            f"error: {TEMPLATE}:4: systemd rejects this ExecStart=: the specifier '%z' is not known"
            " (a plain percent sign is written %%)"
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])


OF_THE_RESIDENT_GATE = [option.name for option in LIMIT_OPTIONS if option.parser]


@pytest.mark.parametrize("option", OF_THE_RESIDENT_GATE)
def test_a_wrong_value_of_an_option_of_the_resident_gate_is_found_before_the_socket_starts(
    tmp_path: Path, option: str
) -> None:
    given = edit(RESIDENT_UNIT, "--max-connections 10", f"{option} wrong")
    write_tree(tmp_path, GOOD | {RESIDENT: given, f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n"})
    for levels in ((), ("--level", "error")):
        code, findings = check(tmp_path, "--systemd", "252", *levels)
        assert code == 1
        assert any(f"{RESIDENT}:4: error: {option}: 'wrong' is " in finding for finding in findings), findings


def test_a_resident_gate_without_a_server_is_told_of_as_what_it_is(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        GOOD
        | {
            RESIDENT: edit(RESIDENT_UNIT, " -- /usr/bin/server", ""),
            f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n",
        },
    )
    _, findings = check(tmp_path, "--systemd", "252", "--level", "error")
    assert any("no server given (usage: sockgated [OPTION...]" in finding for finding in findings), findings
