"""Whether one command line would let in fewer clients than another one of the same script."""

from dataclasses import dataclass

from ...core.numbers import natural
from ...host.host import Host
from ..chain.peeling import BadLink
from ..input_files import UNKNOWN
from ..shell.findings import Started
from ..starters import base_name, split_at_server
from .command_words import shown
from .forms import form_of, written

WILDCARDS = ("", "0", "0.0.0.0", ":0", "::", ":::")  # noqa: S104  # what old command lines say
BOTH_FAMILIES = (":0", "::", ":::")
LOOPBACK = ("localhost", "::1")
# A server that finds RELAYCLIENT relays; rblsmtpd refuses each client for which RBLSMTPD holds a text, and asks no
# list where it is empty.
RELAYS, REFUSES = "RELAYCLIENT", "RBLSMTPD"


@dataclass(frozen=True, slots=True)
class Access:
    """The parts of a command line that decide which clients come in.

    options    the names of options that refuse clients
    unknown    a word that may be such an option, "" if there is none
    programs   the words behind host and port: programs in front of the server, and the server
    variables  what the server inherits
    """

    program: str
    in_front: tuple[str, ...]
    options: frozenset[str]
    unknown: str
    host: str
    port: str
    programs: tuple[str, ...]
    variables: dict[str, str]


def access_of(command: Started) -> Access | None:
    """None if the command line cannot be read."""
    parts = split_at_server(command.words)
    if parts is None:
        return None
    in_front, own = parts
    form = form_of(own)
    try:
        options, rest = form.take_apart(own[1:])
    except BadLink:
        return None
    letters = set()
    for letter, taken_back in form.restrictions.items():
        places = [number for number, (given, _) in enumerate(options) if given == letter]
        if places and not any(given in taken_back for given, _ in options[places[-1] + 1 :]):
            letters.add(letter)
    unknown = rest[0] if rest and UNKNOWN in rest[0] else ""
    host = rest[0] if rest else ""
    port = rest[1] if len(rest) > 1 else ""
    return Access(
        base_name(own[0]), tuple(in_front), frozenset(letters), unknown, host, port, tuple(rest[2:]), command.exported
    )  # fmt: skip


def starts(host: Host, access: Access) -> bool:
    """Whether the server starts at all: an option without its value takes the next word, and the port is missing."""
    port = access.port
    number = natural(port, 5)
    number = host.port(port, "tcp") if number is None else number
    return bool(access.programs) and (UNKNOWN in port or bool(number))


def stricter(host: Host, one: Started, other: Started) -> str:
    """Why the other command line lets in fewer clients, for the report. "" if it does not."""
    here, there = access_of(one), access_of(other)
    if here is None or (there and not there.unknown and not starts(host, there)):
        return ""  # one is not converted anyway, or the other serves no client
    if there is None:
        return "its words cannot be read"
    if there.unknown and not here.unknown:
        return "a word in front of its host cannot be known"
    more = sorted(there.options - here.options)
    if more:
        return written(there.program, more[0], "")
    if is_narrower(here.host, there.host):
        return f"the host {there.host or '0'}"
    for ours, theirs in ((here.in_front, there.in_front), (here.programs, there.programs)):
        added = added_words(ours, theirs)
        if added:
            return shown(added)
    return variable_that_refuses(here.variables, there.variables)


def is_narrower(here: str, there: str) -> bool:
    """Whether some clients reach this listening address and not the other one."""
    if there in WILDCARDS:
        return here in BOTH_FAMILIES and there not in BOTH_FAMILIES
    return here in WILDCARDS or (is_loopback(there) and not is_loopback(here))


def is_loopback(host: str) -> bool:
    return host in LOOPBACK or host.startswith("127.")


def added_words(here: tuple[str, ...], there: tuple[str, ...]) -> tuple[str, ...]:
    """Words that stand there and not here, if they stand in front of the last program; () without any.

    Words at the end are for the server: they say nothing about who may come.
    """
    added: list[str] = []
    position = 0
    for word in there:
        if position < len(here) and word == here[position]:
            position += 1
        elif position < len(here):
            added.append(word)
    return tuple(added) if position == len(here) else ()


def variable_that_refuses(here: dict[str, str], there: dict[str, str]) -> str:
    if RELAYS in here and RELAYS not in there:
        return f"no {RELAYS}"
    if REFUSES in here and not here[REFUSES] and REFUSES not in there:
        return f"no empty {REFUSES}"
    if there.get(REFUSES) and not here.get(REFUSES):
        return REFUSES
    return ""
