"""Which addresses a server listens on: its host, -4 and -6, and which program it is."""

import re

from ...units.model import Directive
from ..assigned_ports import port_of
from ..outcomes import Answer, approximated, blocked, translated
from ..program_files import content_of
from ..service import DATAGRAM, STREAM, Listen, endpoint
from ..starters import S6
from .options import Listener

Answers = list[tuple[str, Answer]]
BOTH = (":0", "::", ":::")
WILDCARDS = ("", "0")
# ucspi-tcp 0.88 listens on IPv4 only. ucspi-tcp-ipv6 listens on both families; its programs have the same names.
USAGE = re.compile(rb"tcpserver: usage: tcpserver \[ -(\w+)")


def listen_on(listener: Listener, name: str, port_name: str, answers: Answers) -> Listen | None:
    """The socket for a host and a port; None if there is none."""
    host = listener.host
    kind, protocol = (DATAGRAM, "udp") if listener.program == "udpsvd" else (STREAM, "tcp")
    number, problem = port_of(host, port_name, protocol)
    what = f"{name} {port_name}"
    if problem is not None:
        answers.append((what, problem))
    if number is None:
        return None
    if name in WILDCARDS:
        address, answer = wildcard(listener, number)
        answers.append((what, answer))
        return Listen(kind, address)
    if name == "::" and listener.program in S6:
        listener.ipv6_only = "ipv6-only"
    if name in BOTH:
        address = str(number)
    else:
        found = host.address(name, 0)
        if found is None:
            answers.append((what, blocked(f"the host {name!r} cannot be resolved here")))
            return None
        address = endpoint(found, number)
        if found != name:
            answers.append((name, approximated(f"{name!r} is {found} now, and the unit keeps it")))
    answers.append((what, translated(f"{kind}={address}")))
    return Listen(kind, address)


def wildcard(listener: Listener, number: int) -> tuple[str, Answer]:
    """The address for the host 0, and the line of the report."""
    ipv4, both = endpoint("0.0.0.0", number), endpoint("", number)  # noqa: S104
    if listener.ipv4_only:
        return ipv4, translated(Directive("ListenStream", ipv4), text="IPv4 alone, by -4")
    if listener.mapped:
        return both, translated(Directive("ListenStream", both), text="both families, by -6")
    if listener.program == "udpsvd":
        return ipv4, translated(Directive("ListenDatagram", ipv4))
    if listener.family == "6" or (listener.program == "ncat" and not listener.family):
        return both, translated(Directive("ListenStream", both))
    if listener.program != "tcpserver":
        return ipv4, translated(Directive("ListenStream", ipv4))
    letters = option_letters(listener)
    if letters is None:
        text = f"tcpserver is not here: that of ucspi-tcp-ipv6 takes IPv6 as well, with ListenStream={both}"
        return ipv4, approximated(text, Directive("ListenStream", ipv4))
    if "4" in letters:
        text = "both families: tcpserver is that of ucspi-tcp-ipv6"
        return both, translated(Directive("ListenStream", both), text=text)
    return ipv4, translated(Directive("ListenStream", ipv4))


def option_letters(listener: Listener) -> str | None:
    """The letters in the usage of the tcpserver that would run; None if it is not here or says none."""
    path = listener.binary
    match = USAGE.search(content_of(path)) if listener.host.is_executable(path) else None
    return match[1].decode() if match else None


def check_letters(listener: Listener, answers: Answers) -> None:
    """-4 and -6 are options of ucspi-tcp-ipv6. Another tcpserver does not start with them."""
    given = "4" * listener.ipv4_only or "6" * listener.mapped
    if not given or listener.program != "tcpserver":
        return
    letters = option_letters(listener)
    if letters is not None and given not in letters:
        text = f"{listener.binary} does not know it and would not start: it is meant for ucspi-tcp-ipv6"
        answers.append((f"-{given}", approximated(text)))
