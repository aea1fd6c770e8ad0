"""The one table of gate options, and the reader of a gate's command line.

`sockgate` and `sockgated` parse with this table; the manual pages, `sockgatectl check` and the tests read it.
A hand-written reader because argparse costs 6 ms per connection, as much as Python itself.
"""

import sys

from .errors import UsageError
from .verdict import Cause

FILE_SYSTEM_ENCODING = sys.getfilesystemencoding()

# How often an option may stand on a command line, and whether it takes a value.
FLAG = "flag"  # no value, once
ONCE = "once"  # one value; given twice is an error, so that no rule is overridden unseen
MANY = "many"  # one value each time
OPTIONAL = "optional"  # once; a value only behind an equals sign, since the next word may be another option

USAGE_HINT = "see sockgate(8)"


class Option:
    """One row: `--name METAVAR`, which part of the manual it belongs to, and what it is for."""

    __slots__ = ("arity", "group", "metavar", "name", "summary")

    def __init__(self, name: str, metavar: str, arity: str, group: str, summary: str) -> None:
        self.name = name
        self.metavar = metavar
        self.arity = arity
        self.group = group
        self.summary = summary

    @property
    def usage(self) -> str:
        """How it is written: `--flag`, `--option VALUE` or `--option[=VALUE]`."""
        if self.arity == OPTIONAL:
            return f"{self.name}[={self.metavar}]"
        return f"{self.name} {self.metavar}".rstrip()


GATE_OPTIONS = (
    Option("--access-times", "LIST", MANY, "access", "let in only in these intervals, such as 8:00-17:00"),
    Option("--max-load", "N", ONCE, "access", "refuse while the load of the last minute is at least N"),
    Option("--allow", "LIST", MANY, "access", "let these addresses in and, without --deny, nobody else"),
    Option("--deny", "LIST", MANY, "access", "refuse these addresses, except those in --allow"),
    Option("--only-from", "LIST", MANY, "access", "let in whom xinetd's only_from would let in"),
    Option("--no-access", "LIST", MANY, "access", "refuse whom xinetd's no_access would refuse"),
    Option("--courier-access", "FILE", ONCE, "access", "decide by the source of makesmtpaccess or makeimapaccess"),
    Option(
        "--courier-access-local", "FILE", ONCE, "access", "and by its entries for the machine's own address and port"
    ),
    Option("--hosts-access", "DAEMON[,DIR]", ONCE, "access", "decide by hosts.allow and hosts.deny as this daemon"),
    Option("--rules", "FILE", ONCE, "access", "decide by tcprules source, or by the cdb made of it"),
    Option("--relay", "LIST", MANY, "access", "set RELAYCLIENT and RELAYHOST for these addresses"),
    Option("--banner", "FILE", ONCE, "access", "send this to every client, before it is decided about"),
    Option("--banner-text", "TEXT", ONCE, "access", "send this text, as it is, in place of a file"),
    Option("--banner-success", "FILE", ONCE, "access", "send this to a client that is let in"),
    Option("--banner-fail", "FILE", ONCE, "access", "send this to a client that is refused"),
    Option("--deny-message", "TEXT", ONCE, "access", "and then this line, unless the rule has one of its own"),
    Option("--proxy-protocol", "LIST", MANY, "peer", "expect a PROXY header, from these proxies only"),
    Option("--hostname", "", FLAG, "peer", "look up the client's host name, and set TCPREMOTEHOST"),
    Option("--paranoid", "", FLAG, "peer", "use that name only if it leads back to the client's address"),
    Option("--local-name", "NAME", ONCE, "peer", "set TCPLOCALHOST"),
    Option("--ssl-variables", "PROTO", OPTIONAL, "peer", "set SSLREMOTEIP and the like too, as ucspi-ssl does"),
    Option("--ident", "SECONDS", OPTIONAL, "peer", "ask the client's machine for its user, and set TCPREMOTEINFO"),
    Option("--dnsbl", "ZONE[,VAR[,TEXT]]", MANY, "peer", "refuse clients in this DNS list, or set a variable for them"),
    Option("--dnsbl-allow", "ZONE", MANY, "peer", "except those in this DNS list"),
    Option("--dnsbl-fail", "open|closed", ONCE, "peer", "let in or put off clients that a list does not answer about"),
    Option("--timeout", "SECONDS", ONCE, "peer", "for everything that must be learned about the client (5)"),
    Option("--greet-delay", "SECONDS[,TEXT]", ONCE, "peer", "refuse who speaks before it was greeted, so much later"),
    Option("--name", "SERVICE", ONCE, "exec", "the service's name in log records"),
    Option("--argv0", "NAME", ONCE, "exec", "start the server under this name"),
    Option("--env", "VAR=VALUE", MANY, "exec", "set a variable for the server"),
    Option("--pass-env", "LIST", MANY, "exec", "of the inherited variables, keep only these"),
    Option("--rlimit", "NAME=VALUE", MANY, "exec", "set a resource limit for the server"),
    Option("--stderr", "journal|socket", ONCE, "exec", "where the server's standard error goes"),
)


class Settings:
    """A command line after parsing: options by name, and the server's own words."""

    __slots__ = ("_values", "command")

    def __init__(self, values: dict[str, list[str]], command: list[str]) -> None:
        self._values = values
        self.command = command

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def many(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def one(self, name: str, default: str = "") -> str:
        return self._values[name][0] if name in self._values else default

    def joined(self, name: str) -> str:
        """A list option's values as one list: repeating the option adds to it. "" if it was not given.

        An option that was given with an empty value stays visible (as a blank), so that its reader can
        refuse it instead of taking it for absent.
        """
        return " ".join(self._values[name]) or " " if name in self._values else ""


def parse(words: list[str], table: tuple[Option, ...] = GATE_OPTIONS) -> Settings:
    """Options up to `--` or the first word that is none; the rest is the server's command line.

    Takes `--option VALUE` and `--option=VALUE`; no abbreviations. Raises UsageError. An OPTIONAL one without a
    value has "".
    """
    known = {option.name: option for option in table}
    values: dict[str, list[str]] = {}
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        name, equals, value = words[at].partition("=")
        at += 1
        option = known.get(name)
        if option is None:
            raise UsageError(f"unknown option {name!r}", USAGE_HINT, Cause(name))
        if name in values and option.arity != MANY:
            raise UsageError(f"{name} is given twice", cause=Cause(name))
        if option.arity == FLAG:
            if equals:
                raise UsageError(f"{name} takes no value", cause=Cause(name))
        elif option.arity == OPTIONAL:
            if equals and not value:
                raise UsageError(f"{name}= needs a value, or no equals sign: {option.usage}", cause=Cause(name))
        elif not equals:
            if at == len(words) or words[at] == "--":
                raise UsageError(f"{name} needs a value: {option.usage}", cause=Cause(name))
            value = words[at]
            at += 1
        values.setdefault(name, []).append(value)
    if at < len(words) and words[at] == "--":
        at += 1
    return Settings(values, words[at:])


def to_bytes(text: str) -> bytes:
    """A word of the command line back to the bytes that it was given as (os.fsencode without os)."""
    return text.encode(FILE_SYSTEM_ENCODING, "surrogateescape")
