"""Read every rule of a text or a cdb, to show the rules and to find those that can never match."""

from collections.abc import Iterator
from struct import unpack
from typing import NamedTuple

from ..access.keys import FirstNumbers, OctetRange
from ..access.tcprules import MESSAGE, Action, RuleError, address_keys, parse, rule_text, written
from ..access.tcprules_access import ABOUT_KEY, CompiledRules, without_catch_all
from ..core import DENY, Cause
from ..core.cdb import HEADER_SIZE, Cdb, is_cdb
from ..core.rule_files import RuleWarning, open_file, read_file, text_lines

LARGEST_SOURCE = 1 << 32  # as much as a cdb can hold


class StoredRule(NamedTuple):
    """A rule of a text, or a key of a cdb.

    cause    the file, and the line if the file tells it
    foreign  from a cdb that tcprules made: only keys that tcpserver looks up can match
    """

    keys: list[str] | OctetRange
    action: Action
    cause: Cause
    foreign: bool

    @property
    def key(self) -> str:
        """The only key, or the range as it is written."""
        return self.keys[0] if isinstance(self.keys, list) else str(self.keys)

    @property
    def text(self) -> str:
        return rule_text(self.key if self.foreign else written(self.key), self.action)


class DeadEntry(NamedTuple):
    """A rule or a part of a rule that has no effect. `sockgatectl check` warns of it."""

    cause: Cause
    text: str
    reason: str


def is_compiled(path: str) -> bool:
    """Whether the file is a cdb. Raises ConfigError."""
    descriptor, _ = open_file(path)
    with open(descriptor, "rb") as file:
        return is_cdb(file.read(HEADER_SIZE))


def read_rules(path: str) -> Iterator[StoredRule]:
    """Every rule of a text, or every key of a cdb, in the order of the file. Raises ConfigError."""
    if is_compiled(path):
        yield from read_compiled(path)
        return
    for number, keys, action in parse(text_lines(read_file(path, LARGEST_SOURCE), path), path):
        yield StoredRule(keys, action, Cause(file=path, line=number), foreign=False)


def read_compiled(path: str) -> Iterator[StoredRule]:
    descriptor, status = open_file(path)
    store = CompiledRules(Cdb(descriptor, status, path))
    for key, data in records(path):
        if key != ABOUT_KEY:
            text = key.decode("latin-1")
            action, cause = store.read_rule(text, data)
            yield StoredRule([text], action, cause, foreign=not store.source)


def records(path: str) -> Iterator[tuple[bytes, bytes]]:
    """Key and data of each record of a cdb. The caller has checked that the file is whole."""
    with open(path, "rb") as file:
        tables = unpack("<512I", file.read(HEADER_SIZE))
        end = min((start for start, slots in zip(tables[0::2], tables[1::2], strict=True) if slots), default=0)
        while file.tell() < end:
            key_length, data_length = unpack("<II", file.read(8))
            yield file.read(key_length), file.read(data_length)


def show_rules(path: str) -> Iterator[str]:
    """The rules in normal form, the catch-all rule last. What a text cannot express becomes a comment."""
    seen = FirstNumbers()
    end = ""
    for rule in read_rules(path):
        for key in rule.keys:
            if seen.find(key) is not None:
                continue
            single = rule._replace(keys=[key])
            if not key:
                end = rule.text
            elif rule.foreign and (reason := why_unwritable(key)):
                yield f"# left out: {single.text} ({reason})"
            else:
                yield single.text
        seen.add(0, rule.keys)
    if end:
        yield end


def missing_catch_all(path: str) -> RuleWarning | None:
    """What to say of rules that have no catch-all rule. Raises ConfigError."""
    end = Cause(file=path)
    for rule in read_rules(path):
        if not rule.key:
            return None
        end = rule.cause
    return without_catch_all(end)


def why_unwritable(key: str) -> str:
    """Why a text cannot have this key of a cdb that tcprules made. Empty if it can."""
    return "it is about the text of an IPv6 address: write a CIDR network" if is_colon_prefix(key) else why_dead(key)


def is_colon_prefix(key: str) -> bool:
    """Whether the key is like `2001:db8:`. For ucspi-tcp-ipv6 it matches an address if the text starts with it."""
    return key.endswith(":") and "@" not in key and "=" not in key


def dead_entries(path: str) -> Iterator[DeadEntry]:
    """Rules and parts of rules without effect. A range is reported only if all of it has none. Raises ConfigError."""
    seen = FirstNumbers()
    for rule in by_line(path):
        if rule.foreign and (reason := why_dead(rule.key)):
            yield DeadEntry(rule.cause, rule.text, reason)
        if seen.has_all(rule.keys):
            yield DeadEntry(rule.cause, rule.text, "an earlier rule has the same key")
        for reason in idle_variables(rule.action):
            yield DeadEntry(rule.cause, rule.text, reason)
        seen.add(0, rule.keys)


def by_line(path: str) -> Iterator[StoredRule]:
    """The rules of a file. Of the keys that a cdb has of one line of its source, only the first counts."""
    last = 0
    for rule in read_rules(path):
        if rule.foreign or rule.cause.line != last:
            yield rule
        last = rule.cause.line


def why_dead(key: str) -> str:
    """Why no program looks up this key of a cdb that tcprules made. Empty if tcpserver does.

    tcpserver 0.88 has its keys. ucspi-tcp-ipv6 adds IPv6 addresses and prefixes that end in a colon.
    """
    if "@" not in key and "/" in key:
        return "tcprules knows no CIDR networks, so neither does a cdb that it made"
    if is_colon_prefix(key):
        return ""
    try:
        keys = address_keys(key)
    except RuleError as error:
        return str(error)
    if isinstance(keys, OctetRange):
        return f"{key!r} is not an address"
    return "" if keys == [key] else f"{key!r} is looked up as {keys[0]!r}"


def idle_variables(action: Action) -> Iterator[str]:
    for name in action.variables:
        text = name.decode("latin-1")
        if not (text.isascii() and text.isidentifier()):
            yield f"it sets a variable named {text!r}"
        elif action.outcome == DENY and name != MESSAGE:
            yield f"a client that is refused gets no {text}"
