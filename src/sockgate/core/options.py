"""The one table of gate options, and the reader of a gate's command line.

`sockgate` and `sockgated` parse with this table. `sockgatectl check` and the tests of the manual pages read it. The
reader is our own because argparse takes 6 ms per connection, as much as Python itself.
"""

import sys

from .errors import UsageError
from .verdict import Cause

FILE_SYSTEM_ENCODING = sys.getfilesystemencoding()

# How often an option can stand on a command line, and whether it takes a value.
FLAG = "flag"  # once, without a value
ONCE = "once"  # once, with a value; a second one is an error, because it would silently replace the first
MANY = "many"  # many times, each time with a value
OPTIONAL = "optional"  # once; a value only behind an equals sign, because the next word may be another option

USAGE_HINT = "see sockgate(8)"


class Option:
    """One row: `--name METAVAR`, the part of the manual to which it belongs, and a summary."""

    __slots__ = ("arity", "group", "metavar", "name", "summary")

    def __init__(self, name: str, metavar: str, arity: str, group: str, summary: str) -> None:
        self.name = name
        self.metavar = metavar
        self.arity = arity
        self.group = group
        self.summary = summary

    @property
    def usage(self) -> str:
        """The form of the option: `--flag`, `--option VALUE` or `--option[=VALUE]`."""
        if self.arity == OPTIONAL:
            return f"{self.name}[={self.metavar}]"
        return f"{self.name} {self.metavar}".rstrip()


GATE_OPTIONS = (
    Option("--access-times", "LIST", MANY, "access", "let in only in these intervals, such as 8:00-17:00"),
    Option("--max-load", "N", ONCE, "access", "refuse while the load of the last minute is at least N"),
    Option("--allow", "LIST", MANY, "access", "let these addresses in; without --deny, refuse all others"),
    Option("--deny", "LIST", MANY, "access", "refuse these addresses, except those in --allow"),
    Option("--only-from", "LIST", MANY, "access", "let in the clients that xinetd's only_from lets in"),
    Option("--no-access", "LIST", MANY, "access", "refuse the clients that xinetd's no_access refuses"),
    Option("--courier-access", "FILE", ONCE, "access", "decide by the source of makesmtpaccess or makeimapaccess"),
    Option(
        "--courier-access-local", "FILE", ONCE, "access", "also by its entries for the machine's own address and port"
    ),
    Option("--hosts-access", "DAEMON[,DIR]", ONCE, "access", "decide by hosts.allow and hosts.deny as this daemon"),
    Option("--rules", "FILE", ONCE, "access", "decide by tcprules source, or by the cdb made of it"),
    Option("--relay", "LIST", MANY, "access", "set RELAYCLIENT and RELAYHOST for these addresses"),
    Option("--banner", "FILE", ONCE, "access", "send this to every client, before access is decided"),
    Option("--banner-text", "TEXT", ONCE, "access", "send this text, as it is, in place of a file"),
    Option("--banner-success", "FILE", ONCE, "access", "send this to a client that is let in"),
    Option("--banner-fail", "FILE", ONCE, "access", "send this to a client that is refused"),
    Option("--deny-message", "TEXT", ONCE, "access", "send this line to a refused client, unless the rule has one"),
    Option("--proxy-protocol", "LIST", MANY, "peer", "expect a PROXY header, from these proxies only"),
    Option("--hostname", "", FLAG, "peer", "look up the client's host name, and set TCPREMOTEHOST"),
    Option("--paranoid", "", FLAG, "peer", "use that name only if it leads back to the client's address"),
    Option("--local-name", "NAME", ONCE, "peer", "set TCPLOCALHOST"),
    Option("--ssl-variables", "PROTO", OPTIONAL, "peer", "set SSLREMOTEIP and the like too, as ucspi-ssl does"),
    Option("--ident", "SECONDS", OPTIONAL, "peer", "ask the client's machine for its user, and set TCPREMOTEINFO"),
    Option("--dnsbl", "ZONE[,VAR[,TEXT]]", MANY, "peer", "refuse clients in this DNS list, or set a variable for them"),
    Option("--dnsbl-allow", "ZONE", MANY, "peer", "except those in this DNS list"),
    Option("--dnsbl-fail", "open|closed", ONCE, "peer", "let in or refuse clients if a list does not answer"),
    Option("--timeout", "SECONDS", ONCE, "peer", "time for all that must be learned about the client (5)"),
    Option("--greet-delay", "SECONDS[,TEXT]", ONCE, "peer", "wait, and refuse a client that speaks meanwhile"),
    Option("--name", "SERVICE", ONCE, "exec", "the service's name in log records"),
    Option("--argv0", "NAME", ONCE, "exec", "start the server under this name"),
    Option("--env", "VAR=VALUE", MANY, "exec", "set a variable for the server"),
    Option("--pass-env", "LIST", MANY, "exec", "keep only these of the inherited variables"),
    Option("--rlimit", "NAME=VALUE", MANY, "exec", "set a resource limit for the server"),
    Option("--stderr", "journal|socket", ONCE, "exec", "where the server's standard error goes"),
)


class Settings:
    """A command line after parsing: the values of the options by name, and the command of the server."""

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
        """All values of a list option as one list. "" if the option was not given.

        If the option was given with an empty value, the list is a blank. So its reader can tell this from an option
        that was not given, and can refuse it.
        """
        return " ".join(self._values[name]) or " " if name in self._values else ""


def parse(words: list[str], table: tuple[Option, ...] = GATE_OPTIONS) -> Settings:
    """Read options up to `--` or the first word that is no option. The rest is the server's command line.

    Accepts `--option VALUE` and `--option=VALUE`, but no abbreviations. An OPTIONAL option without a value gets "".
    Raises UsageError.
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
    """The original bytes of a word of the command line (os.fsencode without os)."""
    return text.encode(FILE_SYSTEM_ENCODING, "surrogateescape")
