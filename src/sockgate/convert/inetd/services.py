"""Make a service record of each line of an inetd.conf, and one record of the lines of one service for both families."""

import re
from collections.abc import Iterator
from dataclasses import replace

from ...core.numbers import natural
from ...host.host import GNU, OPENBSD, Host
from ...units.model import Directive
from ..input_files import Place, Unreadable, read_text
from ..outcomes import approximated, blocked, by_engine, entry_of, ignored, translated
from ..report import Entry, Outcome, Report
from ..service import DATAGRAM, IDLE_SECONDS, LARGEST, STREAM, Listen, Service
from ..unit_names import unit_stem
from .lines import BadField, Line, entries, files_of
from .program import account, program
from .sockets import Family, sockets

FIELDS = ("service", "socket type", "protocol", "wait", "user", "server")
STARTS_A_MINUTE = 256  # openbsd-inetd, inetd(8)
PAUSE_OF_GNU = 600  # seconds; RETRYTIME in inetutils 2.4
ABOVE_IT = {
    OPENBSD: "inetd closed every further client until the minute was over",
    GNU: "inetd closed the port for ten minutes",
    "": "openbsd-inetd closed every further client until the minute was over, GNU's the port for ten minutes",
}


def read(files: list[str], host: Host, report: Report) -> list[Service]:
    services: list[Service] = []
    for file, text in (found for path in files for found in texts_of(path, report)):
        services += read_lines(text, file, host, report)
    return list(without_rivals(merge_families(services), report))


def texts_of(path: str, report: Report) -> Iterator[tuple[str, str]]:
    """The text of a file, or of each file in a folder.

    A file that cannot be read is reported; the others still count.
    """
    try:
        files = files_of(path)
    except Unreadable as error:
        report.entries.append(unreadable(path, error))
        return
    for file in files:
        try:
            yield file, read_text(file)
        except Unreadable as error:
            report.entries.append(unreadable(file, error))


def unreadable(path: str, error: Unreadable) -> Entry:
    return entry_of("", Place(path, 0), path, blocked(f"unable to read {path!r}: {error}"))


def read_lines(text: str, file: str, host: Host, report: Report) -> Iterator[Service]:
    """The lines that count. Of two lines for one service and protocol, both inetds keep the later one."""
    lines = list(addressed(text, file, host, report))
    kept = {line.key: line for line in lines if len(line.words) >= len(FIELDS)}
    for line in lines:
        later = kept.get(line.key, line)
        if later is line or len(line.words) < len(FIELDS):
            yield from read_service(line, report)
            continue
        text = f"line {later.place.line} is for the same service and protocol, and inetd keeps the later one"
        report.entries.append(entry_of(line.words[0], line.place, " ".join(line.words), ignored(text)))


def addressed(text: str, file: str, host: Host, report: Report) -> Iterator[Line]:
    """The lines, each with the address that holds for it."""
    default_address = ""
    for place, words in entries(text, file, host, report):
        if len(words) == 1 and words[0].endswith(":"):  # `ADDRESS:` holds for the lines that follow
            default_address = words[0][:-1]
            report.entries.append(entry_of("", place, words[0], translated(text="for the lines that follow")))
            continue
        yield Line(words, place, host, default_address)


def read_service(line: Line, report: Report) -> list[Service]:
    name = line.words[0]
    services: list[Service] = []
    try:
        if len(line.words) < len(FIELDS):
            missing = FIELDS[len(line.words)]
            line.answer(" ".join(line.words), blocked(f"the field '{missing}' is missing; inetd skips the line"))
        if not line.words[5].startswith("internal"):
            quotes(line)
        services = services_of(line)
    except BadField:
        pass
    report.entries += [entry_of(name, line.place, what, answer) for what, answer in line.answers]
    return services


def quotes(line: Line) -> None:
    if line.host.inetd != GNU and any(quote in word for word in line.words[6:] for quote in "'\""):
        line.answer("quotes", ignored("they are arguments' own characters here; only GNU's inetd groups words by them"))


def services_of(line: Line) -> list[Service]:
    """The records of one line: one, or one for each family. Raises BadField after a blocking answer."""
    name, socket_type, protocol, wait, user, server, *arguments = line.words
    if socket_type not in ("stream", "dgram"):
        line.answer(socket_type, blocked(f"systemd has no {socket_type!r} sockets for Internet addresses"))
    waits, starts, because = waiting(line, wait)
    kind = STREAM if socket_type == "stream" else DATAGRAM
    families, stem = sockets(line, name, protocol, kind)
    account_user, group = account(line, user)
    if waits and sum(len(listens) for listens, _ in families) > 1:
        line.answer(name, translated(text="a pair of units for each address: such a server takes one socket"))
    command, argv0, links = program(line, server, arguments, kind, waits)
    if kind == DATAGRAM and not waits:
        line.answer(wait, blocked("a dgram service with nowait: every datagram starts a server, and all read the same "
                                  "socket; use wait if the server can"))  # fmt: skip
    if server == "internal" and not account_user:
        line.answer(server, translated(links.directives.set("DynamicUser", "yes"), text="inetd answered it as root"))
    if protocol.startswith("unix") and account_user:
        line.socket.append(("SocketUser", account_user))
    return [
        Service(
            name=unit_stem(stem), old_name=name, place=line.place, listens=listens, command=command, wait=waits,
            ipv6_only=ipv6_only, argv0=argv0, user=account_user, group=group,
            gate=tuple(links.gate), needs_gate=links.needs_gate,
            limits=tuple(links.limits.items()), directives=tuple(links.directives), socket=tuple(line.socket),
            rate=(starts, 60), resident=resident_options(line, starts), resident_because=because,
        )
        for listens, ipv6_only in (apart(families) if waits else families)
    ]  # fmt: skip


def apart(families: list[Family]) -> list[Family]:
    """Split the families into single sockets: a server that waits gets only one socket as its standard input."""
    return [((listen,), ipv6_only if listen.is_ipv6 else "") for listens, ipv6_only in families for listen in listens]


def resident_options(line: Line, starts: int) -> tuple[tuple[str, str], ...]:
    """What inetd did above its limit: it closed the connection, GNU's inetd the port."""
    most = str(min(starts, LARGEST))
    limit = [("--max-per-minute", f"{most}/{PAUSE_OF_GNU}" if line.host.inetd == GNU else most)] if starts else []
    return ("--at-limit", "refuse"), *limit, ("--idle-exit", str(IDLE_SECONDS))


def waiting(line: Line, text: str) -> tuple[bool, int, str]:
    """Read wait, nowait, nowait.MAX, nowait:MAX (starts a minute) and FreeBSD's nowait/CHILDREN/A-MINUTE/PER-SOURCE.

    Returns whether the server waits, the starts of a minute, and why the resident engine keeps that limit.
    """
    word, _, rest = re.sub("[.:]", "/", text, count=1).partition("/")
    if word not in ("wait", "nowait"):
        line.answer(text, blocked(f"{text!r} is neither wait nor nowait"))
    numbers = [natural(number) for number in rest.split("/")] if rest else []
    if None in numbers:
        line.answer(text, blocked(f"{rest!r} is not a number"))
    starts = numbers[0] or 0 if len(numbers) == 1 else STARTS_A_MINUTE
    if line.host.inetd != GNU:  # to openbsd-inetd it is the first that is not served
        starts = max(1, starts - 1)
    is_limited = bool(numbers) and word == "nowait"
    if is_limited:
        options = dict(resident_options(line, starts))
        line.answer(text, by_engine(
            approximated(f"above {starts} connections a minute clients wait for its end from systemd 255 on, before it "
                         f"they are served; {ABOVE_IT[line.host.inetd]}"),
            translated(f"--max-per-minute {options.get('--max-per-minute')}", text=ABOVE_IT[line.host.inetd]),
        ))  # fmt: skip
    else:
        takes_socket = translated(Directive("Accept", "no"))
        line.answer(text, takes_socket if word == "wait" else translated(text="a server for each client"))
    if len(numbers) > 1:
        line.answer(text, approximated("limits of FreeBSD's inetd: set MaxConnections= and MaxConnectionsPerSource="))
    return word == "wait", starts, f"{text} means the same only there" if is_limited else ""


def without_rivals(services: list[Service], report: Report) -> Iterator[Service]:
    """The services without rivals.

    Of two for one address and port, inetd serves the first: bind(2) fails for the other.
    """
    taken: dict[Listen, Service] = {}
    for service in services:
        for listen in filter(taken.get, service.listens):
            first = taken[listen]
            text = f"{first.name!r} ({first.place}) has this address and port already, and inetd serves the first"
            report.add(Outcome.IGNORED, service.place, service.name, f"{listen.kind}={listen.address}", text)
        free = tuple(listen for listen in service.listens if listen not in taken)
        taken |= dict.fromkeys(free, service)
        if free:
            yield replace(service, listens=free)


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
