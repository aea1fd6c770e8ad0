"""inetd.conf, as the inetds of Debian (openbsd-inetd), GNU inetutils, BusyBox and the BSDs read it."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .accounts import any_group, named_user
from .answer import Answer, approximated, blocked, entry_of, ignored, translated
from .chain import Chain, peel
from .links import GATE_LINKS
from .machine import Machine
from .names import unit_stem
from .report import Report
from .service import DATAGRAM, STREAM, Listen, Service
from .source import Place, Unreadable, read_text

FIELDS = ("service", "socket type", "protocol", "wait", "user", "server")
FAMILIES = {"": "4", "4": "4", "6": "6", "46": "46", "6only": "6"}
INTERNAL = frozenset(("echo", "discard", "chargen", "daytime", "time"))
STARTS_A_MINUTE = 256  # openbsd-inetd, inetd(8)
BUFFERS = {"rcvbuf": "ReceiveBuffer", "sndbuf": "SendBuffer"}
SIZE = re.compile(r"(\d{1,9})([km]?)", re.IGNORECASE)


class BadField(Exception):
    """A field that cannot be converted; the text is the reason and what to do."""


@dataclass(slots=True)
class Line:
    """One service of an inetd.conf while it is read: its fields, and what they have become so far."""

    words: list[str]
    place: Place
    machine: Machine
    address: str
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    socket: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, what: str, answer: Answer) -> None:
        self.answers.append((what, answer))
        if answer.blocks:
            raise BadField


def read(files: list[str], machine: Machine, report: Report) -> list[Service]:
    services: list[Service] = []
    for file in files:
        try:
            text = read_text(file)
        except Unreadable as error:
            report.entries.append(entry_of("", Place(file, 0), file, blocked(f"unable to read {file!r}: {error}")))
            continue
        services += read_lines(text, file, machine, report)
    return merge_families(services)


def read_lines(text: str, file: str, machine: Machine, report: Report) -> Iterator[Service]:
    default_address = ""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("\0")[0].split()  # as a C program reads it
        if not words or words[0].startswith("#"):
            continue
        place = Place(file, number)
        if len(words) == 1 and words[0].endswith(":"):  # `ADDRESS:` holds for the lines that follow
            default_address = words[0][:-1]
            report.entries.append(entry_of("", place, words[0], translated(text="for the lines that follow")))
            continue
        service = read_service(Line(words, place, machine, default_address), report)
        if service:
            yield service


def read_service(line: Line, report: Report) -> Service | None:
    name = line.words[0]
    service = None
    try:
        if len(line.words) < len(FIELDS):
            missing = FIELDS[len(line.words)]
            line.answer(" ".join(line.words), blocked(f"the field '{missing}' is missing; inetd skips the line"))
        service = service_of(line)
    except BadField:
        pass
    report.entries += [entry_of(name, line.place, what, answer) for what, answer in line.answers]
    return service


def service_of(line: Line) -> Service:
    """One line as a record. Raises BadField after a blocking answer."""
    name, socket_type, protocol, wait, user, server, *arguments = line.words
    if socket_type not in ("stream", "dgram"):
        line.answer(socket_type, blocked(f"systemd has no {socket_type!r} sockets for Internet addresses"))
    waits, rate = waiting(line, wait)
    kind = STREAM if socket_type == "stream" else DATAGRAM
    listens, ipv6_only, stem = sockets(line, name, protocol, kind)
    account_user, group = account(line, user)
    command, argv0, chain = program(line, stem, server, arguments, kind, waits)
    if kind == DATAGRAM and not waits:
        line.answer(wait, blocked("a dgram service with nowait: every datagram starts a server, and all read the same "
                                  "socket; use wait if the server can"))  # fmt: skip
    if server == "internal" and not account_user:
        chain.directives.append(("DynamicUser", "yes"))
    if protocol.startswith("unix") and account_user:
        line.socket.append(("SocketUser", account_user))
    return Service(
        name=unit_stem(stem), place=line.place, listens=listens, command=command, wait=waits, ipv6_only=ipv6_only,
        argv0=argv0, user=account_user, group=group, gate=tuple(chain.gate), needs_gate=chain.needs_gate,
        limits=tuple(chain.limits.items()), directives=tuple(chain.directives), socket=tuple(line.socket), rate=rate,
    )  # fmt: skip


def waiting(line: Line, text: str) -> tuple[bool, tuple[int, int]]:
    """wait, nowait, nowait.MAX and nowait:MAX (starts a minute), FreeBSD's nowait/CHILDREN/A-MINUTE/PER-SOURCE."""
    word, _, rest = re.sub("[.:]", "/", text, count=1).partition("/")
    if word not in ("wait", "nowait"):
        line.answer(text, blocked(f"{text!r} is neither wait nor nowait"))
    numbers = rest.split("/") if rest else []
    if not all(number.isascii() and number.isdigit() for number in numbers):
        line.answer(text, blocked(f"{rest!r} is not a number"))
    starts = int(numbers[0]) if len(numbers) == 1 else STARTS_A_MINUTE
    if numbers and word == "nowait":
        line.answer(text, approximated(f"above {starts} connections a minute systemd 255 and later slow down, older "
                                       "ones do not; inetd closed the port for ten minutes"))  # fmt: skip
    else:
        line.answer(text, translated("Accept=no" if word == "wait" else "Accept=yes"))
    if len(numbers) > 1:
        line.answer(text, approximated("limits of FreeBSD's inetd: set MaxConnections= and MaxConnectionsPerSource="))
    return word == "wait", (starts, 60)


def sockets(line: Line, name: str, protocol: str, kind: str) -> tuple[tuple[Listen, ...], str, str]:
    """(listening sockets, BindIPv6Only=, name of the service)."""
    base, *options = protocol.split(",")
    buffers(line, options)
    if base == "unix":
        if not name.startswith("/"):
            line.answer(name, blocked(f"{name!r} is not an absolute path"))
        path = name.replace("%", "%%")
        line.answer(name, translated(f"{kind}={path}"))
        return (Listen(kind, path),), "", name.strip("/").rpartition("/")[2]
    match = re.fullmatch(r"(tcp|udp)(|4|6|46|6only)", base)
    if "rpc/" in protocol or ("/" in name and not name.startswith("[")):
        line.answer(f"{name} {protocol}", blocked("RPC and tcpmux services are not converted: systemd registers with "
                                                  "neither; run the server by itself"))  # fmt: skip
    if match is None or (match[1] == "tcp") != (kind == STREAM):
        line.answer(protocol, blocked(f"the protocol {protocol!r} is not known, or does not go with the socket type"))
    assert match is not None
    address, _, service = name.rpartition(":")
    number = port(line, service, match[1])
    listens, ipv6_only = bound(line, address.strip("[]") or line.address, number, FAMILIES[match[2]], kind)
    line.answer(f"{name} {base}", translated(*(f"{listen.kind}={listen.address}" for listen in listens)))
    return listens, ipv6_only, f"port-{service}" if service.isdigit() else service


def buffers(line: Line, options: list[str]) -> None:
    for option in options:
        key, _, value = option.partition("=")
        if key in BUFFERS and SIZE.fullmatch(value):
            line.socket.append((BUFFERS[key], value.upper()))
            line.answer(option, translated(f"{BUFFERS[key]}={value.upper()}"))
        else:
            line.answer(option, blocked(f"the socket option {option!r} is not known"))


def port(line: Line, service: str, protocol: str) -> int:
    number = int(service) if re.fullmatch(r"\d{1,5}", service, re.ASCII) else line.machine.port(service, protocol)
    if number is None or not 0 < number < 65536:
        line.answer(service, blocked(f"{service!r} with protocol {protocol} is neither in /etc/services nor a port"))
    assert number is not None
    return number


def bound(line: Line, address: str, number: int, family: str, kind: str) -> tuple[tuple[Listen, ...], str]:
    if address in ("", "*"):
        where = {"4": f"0.0.0.0:{number}", "6": f"[::]:{number}", "46": str(number)}[family]
        return (Listen(kind, where),), {"4": "", "6": "ipv6-only", "46": "both"}[family]
    listens = []
    for one in address.split(","):
        listens.append(Listen(kind, one_address(line, one, number)))
    return tuple(listens), "ipv6-only" if any(listen.is_ipv6 for listen in listens) else ""


def one_address(line: Line, text: str, number: int) -> str:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        resolved = line.machine.address(text, 0)
        if resolved is None:
            line.answer(text, blocked(f"{text!r} is no address and cannot be resolved here"))
        assert resolved is not None
        line.answer(text, approximated(f"{text!r} is {resolved} now, and the unit keeps it"))
        found = ipaddress.ip_address(resolved)
    return f"[{found}]:{number}" if found.version == 6 else f"{found}:{number}"


def account(line: Line, text: str) -> tuple[str, str]:
    """user, user.group, user:group; FreeBSD adds /login-class."""
    plain, slash, _ = text.partition("/")
    name, _, group_name = plain.partition(":")
    if not group_name and "." in name and line.machine.user(name) is None:
        name, _, group_name = name.partition(".")
    found, answer = named_user(line.machine, name)
    line.answer(text, answer)
    group = found.group
    if group_name:
        group, answer = any_group(line.machine, group_name)
        line.answer(text, answer)
    if slash:
        line.answer(text, ignored("login classes belong to the BSDs"))
    return found.user, group


def program(
    line: Line, name: str, server: str, arguments: list[str], kind: str, waits: bool
) -> tuple[tuple[str, ...], str, Chain]:
    """The server's words, the name that it runs under, and what the programs in front of it became."""
    chain = Chain(line.machine)
    if server == "internal":
        if name not in INTERNAL:
            line.answer(server, blocked(f"there is no internal service {name!r} but {' '.join(sorted(INTERNAL))}"))
        line.answer(server, translated(f"sockgate-builtin {name}"))
        return (f"{line.machine.programs}/sockgate-builtin", name), "", chain
    argv0, *rest = arguments or [server]
    if server.rpartition("/")[2] == "tcpd":
        server = tcpd(line, chain, argv0, kind, waits)
        argv0 = server
    if not waits:
        words, answers = peel(chain, [server, *rest], GATE_LINKS)
        for answer in answers:
            line.answer(" ".join([server, *rest]), answer)
        server, argv0, rest = (words[0], argv0, words[1:]) if words == [server, *rest] else (words[0], "", words[1:])
    path = line.machine.program(server)
    what = " ".join([server, *arguments])
    if line.machine.is_executable(path):
        line.answer(what, translated(f"ExecStart={path}"))
    else:
        line.answer(what, approximated(f"{path!r} cannot be executed on this machine", f"ExecStart={path}"))
    named = argv0 if argv0 and argv0 not in (server, path, path.rpartition("/")[2]) else ""
    return (path, *rest), named, chain


def tcpd(line: Line, chain: Chain, daemon: str, kind: str, waits: bool) -> str:
    """The gate asks hosts.allow itself and starts the server behind tcpd."""
    if kind == STREAM and waits:
        line.answer("tcpd", blocked("nothing can ask hosts.allow for the connections that a server with wait accepts"))
    path = daemon if daemon.startswith("/") else f"/usr/sbin/{daemon}"
    option = chain.option("--hosts-access", path.rpartition("/")[2])
    line.answer("tcpd", translated(option, text="in place of tcpd"))
    return path


def merge_families(services: list[Service]) -> list[Service]:
    """The lines of one service for tcp and tcp6 become one pair of units with two sockets.

    Not with `wait`: such a server takes a single socket.
    """
    merged: dict[Service, Service] = {}
    for service in services:
        key = service if service.wait else replace(service, listens=(), ipv6_only="", place=Place("", 0))
        first = merged.get(key)
        if first is None:
            merged[key] = service
            continue
        listens = tuple(dict.fromkeys(first.listens + service.listens))
        merged[key] = replace(first, listens=listens, ipv6_only=first.ipv6_only or service.ipv6_only)
    return list(merged.values())
