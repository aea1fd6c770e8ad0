"""The sockets of a line: protocol and family, address and port, buffers."""

import ipaddress
import re
import socket

from ...host.host import GNU, OPENBSD
from ...units.writer import report_form
from ..assigned_ports import port_of
from ..outcomes import approximated, blocked, translated
from ..service import STREAM, Listen, endpoint
from .lines import Line

FAMILIES = {"": "4", "4": "4", "6": "6", "46": "46", "6only": "6"}
WILDCARDS = {"4": "0.0.0.0", "6": "::", "46": ""}  # noqa: S104
BUFFERS = {"rcvbuf": "ReceiveBuffer", "sndbuf": "SendBuffer"}
SIZE = re.compile(r"(\d{1,9})([km]?)", re.IGNORECASE)
Family = tuple[tuple[Listen, ...], str]  # listening sockets and their BindIPv6Only=


def sockets(line: Line, name: str, protocol: str, kind: str) -> tuple[list[Family], str]:
    """The sockets, by family, and the name of the service."""
    base, *options = protocol.split(",")
    buffers(line, options)
    if base == "unix":
        if not name.startswith("/"):
            line.answer(name, blocked(f"{name!r} is not an absolute path"))
        line.answer(name, translated(report_form(kind, name)))
        return [((Listen(kind, name),), "")], name.strip("/").rpartition("/")[2]
    match = re.fullmatch(r"(tcp|udp)(|4|6|46|6only)", base)
    if "rpc/" in protocol or ("/" in name and not name.startswith("[")):
        line.answer(f"{name} {protocol}", blocked("RPC and tcpmux services are not converted: systemd registers with "
                                                  "neither; run the server by itself"))  # fmt: skip
    if match is None or (match[1] == "tcp") != (kind == STREAM):
        line.answer(protocol, blocked(f"the protocol {protocol!r} is not known, or does not go with the socket type"))
    assert match is not None
    address, _, service = name.rpartition(":")
    number = port(line, service, match[1])
    address = address.strip("[]") or line.address
    families = [bound(line, address, number, family, kind) for family in families_of(line, match[2], address)]
    became = (f"{listen.kind}={listen.address}" for listens, _ in families for listen in listens)
    line.answer(f"{name} {base}", translated(*became))
    return families, f"port-{service}" if service.isdigit() else service


def families_of(line: Line, suffix: str, address: str) -> list[str]:
    """The families of a line. tcp is IPv4; for openbsd-inetd it is both. tcp6 is IPv6; for GNU's inetd it is both."""
    wildcard = address in ("", "*")
    if suffix == "" and line.host.inetd == OPENBSD and (wildcard or not all(map(is_address, address.split(",")))):
        return ["4", "6"]
    if wildcard and suffix == "6" and line.host.inetd == GNU:
        return ["46"]
    if wildcard and not line.host.inetd and suffix in ("", "6"):
        text = {
            "": "IPv4 alone; where openbsd-inetd runs it is IPv6 as well: convert there, or add ListenStream=",
            "6": "IPv6 alone; to GNU's inetd it is IPv4 as well: convert there, or add ListenStream=",
        }[suffix]
        line.answer(f"protocol {line.words[2]}", approximated(text))
    return [FAMILIES[suffix]]


def buffers(line: Line, options: list[str]) -> None:
    for option in options:
        key, _, value = option.partition("=")
        if key in BUFFERS and SIZE.fullmatch(value):
            line.answer(option, translated(line.socket.set(BUFFERS[key], value.upper())))
        else:
            line.answer(option, blocked(f"the socket option {option!r} is not known"))


def port(line: Line, service: str, protocol: str) -> int:
    number, answer = port_of(line.host, service, protocol)
    if answer is not None:
        line.answer(service, answer)
    assert number is not None
    return number


def bound(line: Line, address: str, number: int, family: str, kind: str) -> tuple[tuple[Listen, ...], str]:
    if address in ("", "*"):
        return (Listen(kind, endpoint(WILDCARDS[family], number)),), {"4": "", "6": "ipv6-only", "46": "both"}[family]
    found = (one_address(line, one, number, family) for one in address.split(","))
    listens = [Listen(kind, where) for where in found if where]
    return tuple(listens), "ipv6-only" if any(listen.is_ipv6 for listen in listens) else ""


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def one_address(line: Line, text: str, number: int, family: str) -> str:
    """An address of this family with its port. "" for a name that has no address in this one of two families."""
    if not is_address(text):
        resolved = line.host.address(text, socket.AF_INET if family == "4" else socket.AF_INET6)
        if resolved is None:
            if family_of_both(line, text):
                return ""
            line.answer(text, blocked(f"{text!r} is no address and cannot be resolved here"))
            return ""
        line.answer(text, approximated(f"{text!r} is {resolved} now, and the unit keeps it"))
        text = resolved
    return endpoint(text, number)


def family_of_both(line: Line, text: str) -> bool:
    """Whether the line is for both families, and the name has an address in one of them."""
    is_both = line.host.inetd == OPENBSD and line.words[2].partition(",")[0] in ("tcp", "udp")
    return is_both and line.host.address(text, 0) is not None
