"""Inspections of the socket unit: what it listens on, its limits, what it starts."""

from pathlib import Path

import pytest

from tests.ctl.check.good_units import (
    EDIT_SOCKET,
    ETC,
    GOOD,
    RESIDENT,
    RESIDENT_UNIT,
    SOCKET,
    SOCKET_UNIT,
    TEMPLATE,
    TEMPLATE_UNIT,
    Cases,
    check,
    dropped,
    edit,
    prove,
)
from tests.units.tree import write_tree

DATAGRAMS = "[Socket]\nListenDatagram=69\n"
DATAGRAM_SERVICE = (
    "[Service]\nExecStart=/usr/sbin/sockgate --allow localhost -- /usr/bin/server\nUser=mail\nStandardInput=socket\n"
    "StandardError=journal\nSyslogLevelPrefix=no\n"
)
TWO_SOCKETS = (
    "StandardInput=socket, which is for one socket, and gets 2: systemd does not start it, and no client is served"
    " (write a socket and a service for each address)"
)
MORE = f"{ETC}/more.socket"

CASES: Cases = {
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
    "per connection program on a datagram socket, with a trigger limit": (
        {
            RESIDENT: edit(RESIDENT_UNIT, "sockgated --max-connections 10", "sockgate"),
            SOCKET: "[Socket]\nListenDatagram=69\nAccept=no\nTriggerLimitIntervalSec=1s\nTriggerLimitBurst=50\n",
        },
        [],
    ),
    "resident program in a template": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "/usr/sbin/sockgate", "/usr/sbin/sockgated")},
        [
            f"{TEMPLATE}:4: error: sockgated cannot serve a socket with Accept=yes: mail@.service must run sockgate"
            " (or set Accept=no in the socket)"
        ],
    ),
    "addresses that systemd cannot read": (
        {
            SOCKET: edit(
                SOCKET_UNIT,
                "ListenStream=25",
                "ListenStream=::1:25\nListenStream=localhost:25\nListenStream=[fe80::1%%eth0]:25\nListenStream=0\n"
                "ListenStream=26\nListenStream=[::1]:27%%lo\nListenStream=@%p",
            )
        },
        [
            f"{SOCKET}:{line}: error: ListenStream={text}: systemd cannot read this address, and ignores it"
            " (write PORT, ADDRESS:PORT, [ADDRESS]:PORT for IPv6, [ADDRESS]:PORT%%INTERFACE, or a path)"
            for line, text in ((2, "::1:25"), (3, "localhost:25"), (4, "[fe80::1%%eth0]:25"), (5, "0"))
        ],
    ),
    "an address of a family that the gate cannot serve": (
        {SOCKET: edit(SOCKET_UNIT, "ListenStream=25", "ListenStream=vsock::25")},
        [
            f"{SOCKET}:2: error: ListenStream=vsock::25: the gate serves internet and Unix sockets alone, and refuses"
            " every client of this one (listen on a port or a path)"
        ],
    ),
    "service missing": (
        {f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n"},
        [
            "error: there is no unit 'mail.service', or it is masked"
            " (mail.socket starts it; with Accept=yes it starts mail@.service)"
        ],
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
    "two sockets for a gate that takes one": (
        {
            SOCKET: DATAGRAMS.replace("=69", "=127.0.0.1:69\nListenDatagram=127.0.0.2:69"),
            RESIDENT: DATAGRAM_SERVICE,
        },
        [f"{SOCKET}:3: error: mail.service has {TWO_SOCKETS}"],
    ),
    "a second socket unit for a gate that takes one": (
        {
            SOCKET: DATAGRAMS,
            RESIDENT: DATAGRAM_SERVICE,
            MORE: "[Socket]\nListenDatagram=70\nService=mail.service\n",
            f"{ETC}/sockets.target.wants/more.socket": f"-> {MORE}",
        },
        [f"{MORE}:2: error: mail.service has {TWO_SOCKETS}"],
    ),
    "one socket for a gate that takes one": ({SOCKET: DATAGRAMS, RESIDENT: DATAGRAM_SERVICE}, []),
    "no socket": (
        {SOCKET: "", f"{ETC}/x.target.wants/mail@.service": f"-> {TEMPLATE}"},
        [
            "warning: no socket unit starts it: there is no mail.socket, or it is masked, or it starts another unit",
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])


def test_polling_is_limited_where_systemd_limits_it(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD)
    assert check(tmp_path, "--systemd", "254") == (0, [])
    assert check(tmp_path, "--systemd", "255")[1] == [
        "warning: PollLimitBurst= is not set: systemd accepts at most 75 connections a second"
        f" (put PollLimitBurst=400 under [Socket] with {EDIT_SOCKET})"
    ]


@pytest.mark.parametrize("kind", ["ListenStream", "ListenDatagram"])
def test_a_converted_wait_line_of_two_addresses_is_found_although_it_has_no_gate(tmp_path: Path, kind: str) -> None:
    socket = f"[Socket]\n{kind}=127.0.0.1:20152\n{kind}=127.0.0.2:20152\n"
    service = "[Service]\nExecStart=/usr/bin/x x\nStandardInput=socket\n"
    units = {f"{ETC}/x.socket": socket, f"{ETC}/x.service": service}
    write_tree(tmp_path, GOOD | units | {f"{ETC}/sockets.target.wants/x.socket": f"-> {ETC}/x.socket"})
    assert check(tmp_path, "--systemd", "252") == (1, [f"{ETC}/x.socket:3: error: x.service has {TWO_SOCKETS}"])
    write_tree(tmp_path, {f"{ETC}/x.service": service.replace("StandardInput=socket\n", "")})
    assert check(tmp_path, "--systemd", "252") == (0, [])
