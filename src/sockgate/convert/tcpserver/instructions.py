"""The instructions of ipsvd (ipsvd-instruct(5)), a folder or the cdb of ipsvd-cdb, as rules of tcprules.

What has no equal among such rules is refused with its file. So each client that it kept out stays out.
"""

import os
import re
import stat

from ...core import GateError
from ...rulefile.reader import records
from ..input_files import Unreadable, read_text
from ..outcomes import Answer, approximated, blocked, ignored
from ..rules_text import quoted_variable

Answers = list[tuple[str, Answer]]
CATCH_ALL = "0"
OCTETS = 4
ADDRESS = re.compile(r"(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){0,3}", re.ASCII)
HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
DENY, EXECUTE, INSTRUCT = "D", "X", "I"  # as ipsvd-cdb marks the entries


class NoEqual(Exception):
    """An instruction, or the name of its file, that no rule can express. The text says which and why."""


def of_folder(path: str) -> dict[str, tuple[str, str]]:
    """{file: (kind, text)}. Raises NoEqual for what cannot be read."""
    try:
        return {name: entry(f"{path}/{name}") for name in sorted(os.listdir(path)) if not name.startswith("..")}
    except (OSError, ValueError) as error:
        raise NoEqual(f"unable to read {path!r}: {getattr(error, 'strerror', '') or error}") from None


def entry(path: str) -> tuple[str, str]:
    """What a file says by its mode and its content."""
    status = os.stat(path)
    if not status.st_mode & (stat.S_IRUSR | stat.S_IXUSR):
        return DENY, ""
    if not stat.S_ISREG(status.st_mode):
        raise NoEqual(f"{path!r} is no file")
    if status.st_mode & stat.S_IXUSR:
        return EXECUTE, ""
    try:
        return INSTRUCT, read_text(path)
    except Unreadable as error:
        raise NoEqual(f"unable to read {path!r}: {error}") from None


def of_cdb(path: str) -> dict[str, tuple[str, str]]:
    """The same of a file that ipsvd-cdb made. Raises NoEqual for one that cannot be read."""
    try:
        pairs = {os.fsdecode(key): os.fsdecode(data) for key, data in records(path)}
    except (GateError, OSError, ValueError) as error:
        raise NoEqual(f"unable to read {path!r}: {error}") from None
    if "" in pairs or "" in pairs.values():
        raise NoEqual(f"{path!r} is no file of ipsvd-cdb")
    return {name: (data[-1], data[:-1].replace("\0", "\n")) for name, data in pairs.items()}


def rules_of(
    entries: dict[str, tuple[str, str]], place: str, *, names: bool, counts: bool, answers: Answers
) -> list[str]:
    """The rules for these entries. Raises NoEqual.

    names   whether the client's name is known (-h)
    counts  whether the clients of one address are counted (-C)
    """
    rules = []
    networks = hosts = False
    for name, (kind, text) in entries.items():
        shown = f"{place}/{name}"
        keys = keys_of(name, shown, names=names, answers=answers)
        networks |= any(key.endswith(".") for key in keys)
        hosts |= any(key.startswith("=") for key in keys)
        rules += [f"{key}:{action(kind, text, shown, counts=counts, answers=answers)}" for key in keys]
    if networks and hosts:
        raise NoEqual(f"{place!r} has networks and host names: tcpsvd asked the networks first, and the gate the names")
    catch_all = next((rule for rule in rules if rule.startswith(":")), ":allow")
    return [*(rule for rule in rules if rule != catch_all), catch_all]


def keys_of(name: str, shown: str, *, names: bool, answers: Answers) -> list[str]:
    """The addresses of the rules for a file with this name; [] if no client matches it."""
    if name == CATCH_ALL:
        return [""]
    octets = name.split(".")
    if ADDRESS.fullmatch(name) and all(int(octet) <= 255 for octet in octets):
        return [name if len(octets) == OCTETS else f"{name}."]
    if not names:
        answers.append((shown, ignored("this is no address, and without -h no client has a name")))
        return []
    if not HOST_NAME.fullmatch(name) or name != name.lower():
        raise NoEqual(f"{shown!r} is no address and no host name in lower case")
    return [f"={name}", f"=.{name}"]


def action(kind: str, text: str, shown: str, *, counts: bool, answers: Answers) -> str:
    """What a rule says behind its address."""
    if kind == DENY:
        return "deny"
    if kind != INSTRUCT:
        raise NoEqual(f"{shown!r} is executed: its clients got another program, and no rule starts one")
    words = ["allow"]
    for line in text.split("\n"):
        words += instruction(line, shown, counts=counts, answers=answers)
    return ",".join(words)


def instruction(line: str, shown: str, *, counts: bool, answers: Answers) -> list[str]:
    """What one line adds to the rule."""
    if not line or line.startswith("#"):
        return []
    name, equals, value = line[1:].partition("=")
    if line.startswith("+"):
        if not name:
            return []
        if not equals:
            raise NoEqual(f"{shown!r}: {line!r} takes a variable away, and no rule does")
        return [quoted_variable(name, value) or no_quotes(shown, line)]
    if line.startswith("="):
        raise NoEqual(f"{shown!r}: {line!r} looks a host up for each client, and no rule does")
    if line.startswith("C"):
        if counts:
            raise NoEqual(f"{shown!r}: {line!r} is a limit for some clients, and limits are for all")
        answers.append((shown, ignored(f"{line!r}: without -C it counts nothing")))
        return []
    answers.append((shown, ignored(f"{line!r} is no instruction")))
    return []


def no_quotes(shown: str, line: str) -> str:
    raise NoEqual(f"{shown!r}: {line!r} has a name or a value that no rule can hold")


def convert(option: str, path: str, *, names: bool, counts: bool, answers: Answers) -> tuple[str, ...]:
    """The rules for -i or -x. They are empty where an answer blocks the service."""
    what = f"-{option} {path}"
    try:
        entries = of_folder(path) if option == "i" else of_cdb(path)
        rules = rules_of(entries, path, names=names, counts=counts, answers=answers)
    except NoEqual as error:
        answers.append((what, blocked(str(error))))
        return ()
    text = "the instructions are rules in a file of the unit now: change them there"
    answers.append((what, approximated(text, "--rules")))
    return tuple(rules)
