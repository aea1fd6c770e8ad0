"""Handlers: the sockets on which the service listens."""

import ipaddress
import re
import socket

from ...units.model import Directive
from ..outcomes import Answer, approximated, blocked, broken, ignored, refused, translated
from .draft import Draft, Value, invalid

TYPES = frozenset(["RPC", "INTERNAL", "UNLISTED", "SPECIAL", "TCPMUX", "TCPMUXPLUS"])
FLAGS = {
    "REUSE": "", "NORETRY": "", "NOLIBWRAP": "", "NAMEINARGS": "", "IPV4": "", "IPV6": "",
    "NODELAY": "NoDelay", "KEEPALIVE": "KeepAlive", "LABELED": "SELinuxContextFromNet",
    "INTERCEPT": "", "IDONLY": "", "SENSOR": "",
}  # fmt: skip
REFUSED_TYPES = {
    "RPC": "systemd does not register with rpcbind; run the server by itself, it registers on its own",
    "TCPMUX": "tcpmux let every service in through one port (CVE-2012-0862, CVE-2013-4342); give it a port of its own",
    "TCPMUXPLUS": "tcpmux let every service in through one port (CVE-2012-0862, CVE-2013-4342); "
    "give it a port of its own",
    "SPECIAL": "SPECIAL is for xinetd's own use",
}
REFUSED_FLAGS = {
    "INTERCEPT": "nothing filters the connections that a server with wait = yes accepts itself; "
    "use wait = no if the server can, or a packet filter",
    "IDONLY": "the gate does not refuse clients without an ident answer, which says nothing about who they are; "
    "use only_from or TLS certificates",
    "SENSOR": "there is no list of addresses that a touched port bans everywhere; use fail2ban with the journal",
}


def kind(draft: Draft, value: Value) -> Answer:
    """type"""
    words = frozenset(word.upper() for word in value.words)
    if not words or words - TYPES:
        return invalid(f"{' '.join(value.words)!r} is no service type")
    draft.types = words
    for word in sorted(words & REFUSED_TYPES.keys()):
        return blocked(f"{word}: {REFUSED_TYPES[word]}")
    return translated()


def flags(draft: Draft, value: Value) -> Answer:
    words = [word.upper() for word in value.words]
    unknown = next((word for word in value.words if word.upper() not in FLAGS), None)
    if not words or unknown:
        return invalid(f"{unknown!r} is no flag" if unknown else "no flag is given")
    draft.flags, draft.flags_line = frozenset(words), value.settings[0].place.line
    for word in sorted(draft.flags & REFUSED_FLAGS.keys()):
        return blocked(f"{word}: {REFUSED_FLAGS[word]}")
    return translated(*(draft.set_socket(FLAGS[word], "yes") for word in words if FLAGS[word]))


def socket_type(draft: Draft, value: Value) -> Answer:
    word = value.word.lower()
    if word not in ("stream", "dgram", "raw", "seqpacket"):
        return invalid(f"{value.word!r} is no socket type")
    if word in ("raw", "seqpacket"):
        return blocked(f"systemd has no {word} sockets for Internet addresses")
    draft.socket_type = word
    return translated("ListenStream=" if word == "stream" else "ListenDatagram=")


def protocol(draft: Draft, value: Value) -> Answer:
    draft.protocol = value.word.lower()
    if draft.protocol in ("tcp", "udp"):
        return translated()
    try:
        socket.getprotobyname(draft.protocol)
    except (OSError, ValueError):
        return invalid(f"{value.word!r} is no protocol")
    return blocked(f"the protocol {value.word!r} is neither tcp nor udp")


def wait(draft: Draft, value: Value) -> Answer:
    word = value.word.lower()
    if word not in ("yes", "no"):
        return invalid(f"{value.word!r} is neither yes nor no")
    draft.wait = word == "yes"
    return translated(Directive("Accept", "no")) if draft.wait else translated(text="a server for each client")


def port(draft: Draft, value: Value) -> Answer:
    if not re.fullmatch(r"\+?\d{1,5}", value.word, re.ASCII) or int(value.word) > 65535:
        return invalid(f"{value.word!r} is no port number")
    draft.port = int(value.word)
    if not draft.port and draft.is_unlisted:
        return blocked("port 0 is one that the kernel chose anew at each start, and that no client could know")
    return translated(f"port {draft.port}")


def bind(draft: Draft, value: Value) -> Answer:
    """bind and interface: an address of this machine, or a name with one."""
    text = value.word if ":" in value.word else value.word.partition("%")[0]
    try:
        draft.address = str(ipaddress.ip_address(text))
        return translated(f"address {draft.address}")
    except ValueError:
        pass
    if re.fullmatch(r"[\d.]+", text, re.ASCII):
        return invalid(f"{value.word!r} is no address")
    family = socket.AF_INET6 if "IPV6" in draft.flags else socket.AF_INET if "IPV4" in draft.flags else socket.AF_UNSPEC
    found = draft.host.address(text, family)
    if found is None:
        return invalid(f"the name {value.word!r} cannot be resolved here, and interface names are not meant")
    draft.address = found
    return approximated(
        f"{value.word!r} is {found} now, and the unit keeps it; xinetd looked the name up at every start",
        f"address {found}",
    )


def v6only(draft: Draft, value: Value) -> Answer:
    """v6only. A service's own `v6only = no` sets IPV6_V6ONLY as `yes` does, and one from defaults never does.

    This is a fault of xinetd (service.c). It is kept because it decides which clients can connect.
    """
    word = value.word.lower()
    if word not in ("yes", "no"):
        return invalid(f"{value.word!r} is neither yes nor no")
    if value.inherited:
        if word == "no":
            return translated(Directive("BindIPv6Only", "both"))
        return ignored(
            "in defaults it has no effect; IPv4 clients could always connect. Meant was v6only in each service"
        )
    draft.ipv6_only = "ipv6-only"
    if word == "yes":
        return translated(Directive("BindIPv6Only", "ipv6-only"))
    return ignored(
        "in a service xinetd takes 'no' for 'yes': IPv4 clients could not connect, and still cannot "
        "(BindIPv6Only=ipv6-only)",
        advice="Set BindIPv6Only=both if they should",
    )


def redirect(draft: Draft, value: Value) -> Answer:
    host, port_name = value.words
    number = int(port_name) if re.fullmatch(r"\+?[1-9]\d{0,5}", port_name, re.ASCII) else None
    number = number or draft.host.port(port_name, "tcp")
    if number is None or number > 65535:
        return invalid(f"{port_name!r} is no port")
    if draft.socket_type == "dgram" or draft.wait:
        return invalid("only TCP services with wait = no can be redirected")
    draft.redirect = (host, str(number))
    address = draft.host.address(host, socket.AF_INET6 if ":" in host else socket.AF_INET)
    if address is None:
        return broken(
            f"{host!r} cannot be resolved here now; xinetd would not have started the service",
            f"sockgate-builtin redirect {host} {number}",
        )
    return translated(f"sockgate-builtin redirect {host} {number}")


def rpc(draft: Draft, value: Value) -> Answer:
    if "RPC" in draft.types:
        return refused("RPC services are not converted")
    return ignored("it only matters together with type = RPC")
