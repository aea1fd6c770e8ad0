"""Names of units and the specifiers that depend on them (systemd.unit(5))."""

import os
import re
from collections.abc import Callable
from typing import NamedTuple

# systemd knows these. They stand for things such as the image or the control group, which do not matter to a gate.
UNRESOLVED = frozenset("aABcDMoqrRwWyY")
SPECIFIER = re.compile(r"%(.?)", re.DOTALL)


class UnitName(NamedTuple):
    """The parts of `prefix@instance.type`. The instance is "" for a template, and None for a unit without `@`."""

    prefix: str
    instance: str | None
    type: str

    @classmethod
    def parse(cls, name: str) -> "UnitName":
        """Raises ValueError if the text is not the name of a unit."""
        stem, dot, kind = name.rpartition(".")
        prefix, at, instance = stem.partition("@")
        if not (dot and prefix and kind) or "/" in name:
            raise ValueError(f"{name!r} is not the name of a unit")
        return cls(prefix, instance if at else None, kind)

    def __str__(self) -> str:
        return f"{self.prefix}{'' if self.instance is None else '@' + self.instance}.{self.type}"

    @property
    def template(self) -> str | None:
        return None if self.instance is None else f"{self.prefix}@.{self.type}"


def unescape(text: str) -> str:
    """The path or string from which a unit name was made (systemd-escape(1))."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text.replace("-", "/"))


def expand(text: str, name: UnitName) -> str:
    """The text with the specifiers of a system service resolved. Raises ValueError for an unknown specifier."""

    def replacement(match: re.Match[str]) -> str:
        letter = match[1]
        if letter in ("%", ""):
            return "%"
        if letter in SPECIFIERS:
            return SPECIFIERS[letter](name)
        if letter in UNRESOLVED:
            return ""
        if letter.isascii() and letter.isalpha():
            raise ValueError(f"the specifier '%{letter}' is not known (a plain percent sign is written %%)")
        return match[0]

    return SPECIFIER.sub(replacement, text)


def plain_name(name: UnitName) -> str:
    return str(name).rpartition(".")[0]


def first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""


SPECIFIERS: dict[str, Callable[[UnitName], str]] = {
    "n": str,
    "N": plain_name,
    "p": lambda name: name.prefix,
    "P": lambda name: unescape(name.prefix),
    "i": lambda name: name.instance or "",
    "I": lambda name: unescape(name.instance or ""),
    "j": lambda name: name.prefix.rpartition("-")[2],
    "J": lambda name: unescape(name.prefix.rpartition("-")[2]),
    "f": lambda name: "/" + unescape(name.instance or name.prefix),
    "d": lambda name: f"/run/credentials/{name}",
    "t": lambda _: "/run",
    "S": lambda _: "/var/lib",
    "C": lambda _: "/var/cache",
    "L": lambda _: "/var/log",
    "E": lambda _: "/etc",
    "T": lambda _: "/tmp",  # noqa: S108  # the meaning of %T, not a file of ours
    "V": lambda _: "/var/tmp",  # noqa: S108
    "u": lambda _: "root",
    "U": lambda _: "0",
    "g": lambda _: "root",
    "G": lambda _: "0",
    "h": lambda _: "/root",
    "s": lambda _: "/bin/sh",
    "H": lambda _: os.uname().nodename,
    "l": lambda _: os.uname().nodename.partition(".")[0],
    "v": lambda _: os.uname().release,
    "m": lambda _: first_line("/etc/machine-id"),
    "b": lambda _: first_line("/proc/sys/kernel/random/boot_id").replace("-", ""),
}
