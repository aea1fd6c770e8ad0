"""Inspections of access options that mean something else than they seem to."""

import os
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import islice

from ...access.tcprules_access import RulesAccess
from ...access.xinetd_access import Entry, XinetdAccess
from ...connection import Gate
from ...core import Cause, ConfigError, Refused
from ...core.peer import Peer, internet_peer, pack
from ...host.host import Host
from ...units.reader import Place
from ..gated_service import GatedService
from .command import place_of
from .fault import MOST, ZERO, Fault, by_setting

# No client has these addresses (RFC 5737). A gate that lets all three do something lets every client do it.
STRANGERS = ("192.0.2.7", "198.51.100.7", "203.0.113.7")
CLIENT_SPEAKS_FIRST = ("couriertls", "stunnel", "stunnel3", "stunnel4", "git", "git-daemon")
FILTERS = ("IPAddressAllow", "IPAddressDeny")
NO_NETWORK = ("Service", "IPAddressDeny", "any")  # for the server's own connections; those of clients are the socket's


def entries_misleading(gated: GatedService, _: Host) -> Iterator[Fault]:
    for check in gated.gate.checks if gated.gate else ():
        for entry in check.entries() if isinstance(check, XinetdAccess) else ():
            if is_misleading(entry):
                place = place_of(gated, Cause(text=entry.text))
                yield Fault(gated.service, place, f"{entry.text!r} means {entry.meaning()}", "write what you mean")


def is_misleading(entry: Entry) -> bool:
    """Whether the entry covers other addresses than it seems to. (Zeros at its end do not count.)"""
    if entry.caveat or entry.name or "{" in entry.text:
        return bool(entry.caveat)
    try:
        ip_address(entry.text.partition("/")[0])
    except ValueError:
        return True  # the entry has fewer than four numbers, or octal or hexadecimal ones
    return False


def rules_not_as_meant(gated: GatedService, host: Host) -> Iterator[Fault]:
    """The warnings of the access checks about their files."""
    for check in gated.gate.checks if gated.gate else ():
        for warning in islice(check.warnings, MOST):
            file, line = warning.cause.file.removeprefix(host.search.root), warning.cause.line
            if file and line:
                yield Fault(gated.service, Place(file, line), warning.message, warning.hint)
            else:
                message = f"{file!r}: {warning.message}" if file else warning.message
                yield Fault(gated.service, place_of(gated, warning.cause), message, warning.hint)


def strangers() -> list[Peer]:
    return [internet_peer(pack(address), 40000, pack("192.0.2.1"), 25) for address in STRANGERS]


def open_relay(gated: GatedService, _: Host) -> Iterator[Fault]:
    gate = gated.gate
    if gate and all(relays(gate, peer) for peer in strangers()):
        yield Fault(
            gated.service, place_of(gated, Cause("--relay"), Cause("--rules")),
            "RELAYCLIENT is set for every client: an open relay",
            "name the networks that may relay in --relay or the rules",
        )  # fmt: skip


def relays(gate: Gate, peer: Peer) -> bool:
    """Whether --relay or a rule by address lets this client relay. No name is looked up."""
    if gate.relays_for(peer) is not None:
        return True
    try:
        verdicts = [check.decide(peer) for check in gate.checks if isinstance(check, RulesAccess)]
    except ConfigError:
        return False  # another inspection reports what is wrong with the file
    return any(verdict.variables.get(b"RELAYCLIENT") is not None for verdict in verdicts)


def any_proxy_trusted(gated: GatedService, _: Host) -> Iterator[Fault]:
    proxy = gated.gate.proxy if gated.gate else None
    if proxy is None:
        return
    try:
        for peer in strangers():
            proxy.check_sender(peer)
    except Refused:
        return
    yield Fault(
        gated.service, place_of(gated, Cause("--proxy-protocol")),
        "--proxy-protocol trusts every sender: a client can claim any address", "name the proxies' own addresses",
    )  # fmt: skip


def one_source(gated: GatedService, _: Host) -> Iterator[Fault]:
    """systemd's limit for one source. Behind a proxy, systemd sees one source for all clients."""
    socket = gated.socket
    value = socket.value("Socket", "MaxConnectionsPerSource", "0") if socket else "0"
    if socket and gated.is_template and gated.gate and gated.gate.proxy and not ZERO.match(value):
        yield by_setting(
            socket, socket.place_of("Socket", "MaxConnectionsPerSource"),
            f"MaxConnectionsPerSource={value} counts all clients of the proxy as one source",
            ("MaxConnectionsPerSource", "0"),
        )  # fmt: skip


def client_speaks_first(gated: GatedService, _: Host) -> Iterator[Fault]:
    """--greet-delay for a protocol in which the client speaks first, such as TLS. It refuses every client."""
    gate = gated.gate
    if gate and gate.greet_delay and os.path.basename(gate.server.command[0]) in CLIENT_SPEAKS_FIRST:
        yield Fault(
            gated.service, place_of(gated, Cause("--greet-delay")),
            f"--greet-delay refuses every client: in front of {gate.server.command[0]!r} the client speaks first",
            "leave it out",
        )  # fmt: skip


def filter_alone(gated: GatedService, _: Host) -> Iterator[Fault]:
    """systemd's packet filter in place of a gate. It gives no message, and has no effect in many containers."""
    if gated.gate is None or gated.gate.checks:
        return
    for unit, section in ((gated.socket, "Socket"), (gated.service, "Service")):
        for key in FILTERS:
            assignment = unit.last(section, key) if unit else None
            if unit and assignment and (section, key, assignment.value) != NO_NETWORK:
                option = f"--{key.removeprefix('IPAddress').lower()} '{assignment.value}'"
                yield Fault(
                    unit, assignment.place,
                    f"{key}= is the only gate: it logs nothing, and does nothing where BPF is not to be had, as in"
                    " many containers", f"say {option} to sockgate as well",
                )  # fmt: skip
                return
