"""Inspections of what the access options mean."""

from pathlib import Path

import pytest

from tests.ctl.check.good_units import (
    EDIT_SOCKET,
    RESIDENT,
    RESIDENT_UNIT,
    SOCKET,
    SOCKET_UNIT,
    TEMPLATE,
    TEMPLATE_UNIT,
    Cases,
    edit,
    prove,
)  # fmt: skip


def unit(options: str) -> dict[str, str]:
    return {TEMPLATE: edit(TEMPLATE_UNIT, '"OPTIONS=--allow localhost"', f'"OPTIONS={options}"')}


def finding(text: str, meaning: str) -> list[str]:
    return [f"{TEMPLATE}:5: warning: '{text}' means {meaning} (write what you mean)"]


SINGLE = "xinetd reads it as a single address"

CASES: Cases = {
    "forms that mean what they say": (
        unit("--only-from 10.0.0.0 --only-from 192.168.1.0/24 --no-access 10.1.{2,3}"),
        [],
    ),
    "a name": (unit("--only-from .example.com"), []),
    "fewer than four numbers": (unit("--only-from 192.168.10"), finding("192.168.10", "192.168.0.10/32")),
    "an octal number": (unit("--no-access 010.0.0.7"), finding("010.0.0.7", "8.0.0.7/32")),
    "a mask": (unit("--only-from 10.0.0.0/255.0.0.0"), finding("10.0.0.0/255.0.0.0", f"10.0.0.0/32 ({SINGLE})")),
    "an open relay": (
        unit("--relay any"),
        [
            f"{TEMPLATE}:5: warning: RELAYCLIENT is set for every client: an open relay"
            " (name the networks that may relay in --relay or the rules)"
        ],
    ),
    "an open relay by a rule": (
        unit("--allow any --rules /etc/r") | {"/etc/r": '10.:allow\n:allow,RELAYCLIENT=""\n'},
        [
            f"{TEMPLATE}:5: warning: RELAYCLIENT is set for every client: an open relay"
            " (name the networks that may relay in --relay or the rules)"
        ],
    ),
    "a relay for networks": (unit("--relay 192.0.2.0/24,10."), []),
    "a proxy that is every address": (
        unit("--allow localhost --proxy-protocol any"),
        [
            f"{TEMPLATE}:5: warning: --proxy-protocol trusts every sender: a client can claim any address"
            " (name the proxies' own addresses)"
        ],
    ),
    "one source behind a proxy": (
        unit("--allow localhost --proxy-protocol 10.0.0.1") | {SOCKET: SOCKET_UNIT + "MaxConnectionsPerSource=20\n"},
        [
            f"{SOCKET}:7: warning: MaxConnectionsPerSource=20 counts all clients of the proxy as one source"
            f" (put MaxConnectionsPerSource=0 under [Socket] with {EDIT_SOCKET})"
        ],
    ),
    "sources that are limited by the gate": (
        unit("--allow localhost --proxy-protocol 10.0.0.1") | {SOCKET: SOCKET_UNIT + "MaxConnectionsPerSource=0\n"},
        [],
    ),
    "one source that is systemd's business no more": (
        unit("--allow localhost")
        | {
            SOCKET: edit(SOCKET_UNIT, "Accept=yes", "Accept=no") + "MaxConnectionsPerSource=20\n",
            RESIDENT: edit(RESIDENT_UNIT, "10 --", "10 --allow localhost --proxy-protocol 10.0.0.1 --"),
        },
        [],
    ),
    "a greet delay where the client speaks first": (
        unit("--greet-delay 5")
        | {"/etc/default/mail": "SERVER=/usr/bin/couriertls\n", "/usr/bin/couriertls": "#!/bin/sh\n"},
        [
            f"{TEMPLATE}:5: error: --greet-delay refuses every client: in front of '/usr/bin/couriertls' the client"
            " speaks first (leave it out)"
        ],
    ),
    "a greet delay where the server speaks first": (unit("--greet-delay 5"), []),
    "a packet filter alone": (
        unit("--relay 10.") | {SOCKET: SOCKET_UNIT + "IPAddressAllow=10.0.0.0/8\nIPAddressDeny=any\n"},
        [
            f"{SOCKET}:7: warning: IPAddressAllow= is the only gate: it logs nothing, and does nothing where BPF is not"
            " to be had, as in many containers (say --allow '10.0.0.0/8' to sockgate as well)"
        ],
    ),
    "a server that is kept from the network": (
        {TEMPLATE: edit(TEMPLATE_UNIT, "--allow localhost", "--relay 10.") + "IPAddressDeny=any\n"},
        [],
    ),
    "a packet filter beside the gate": (
        unit("--allow 10.0.0.0/8") | {SOCKET: SOCKET_UNIT + "IPAddressDeny=any\n"},
        [],
    ),
    "nobody": (unit("--only-from fd00::1/128"), finding("fd00::1/128", "no client (xinetd matches no client by it)")),
}


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_mean_what_it_seems_to_is_told(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])
