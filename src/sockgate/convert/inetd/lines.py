"""The lines of an inetd.conf, as each inetd splits them."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...host.host import GNU, OPENBSD, Host
from ..directives import Directives
from ..input_files import Place, names_in
from ..outcomes import Answer, blocked, entry_of
from ..report import Report


class BadField(Exception):
    """A field cannot be converted. The text says why, and what to do."""


@dataclass(slots=True)
class Line:
    """One service of an inetd.conf while it is read: its fields, and what they have become so far."""

    words: list[str]
    place: Place
    host: Host
    address: str
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    socket: Directives = field(default_factory=Directives)

    @property
    def key(self) -> tuple[str, str, str]:
        """The identity of a service: address, name and protocol."""
        return (self.address, self.words[0], self.words[2]) if len(self.words) > 2 else ("", "", "")

    def answer(self, what: str, answer: Answer) -> None:
        self.answers.append((what, answer))
        if answer.blocks:
            raise BadField


def files_of(path: str) -> list[str]:
    """The files of a folder such as inetutils-inetd's /etc/inetd.d. Raises Unreadable."""
    if not os.path.isdir(path):
        return [path]
    return [f"{path}/{name}" for name in names_in(path) if not name.startswith(".")]


def entries(text: str, file: str, host: Host, report: Report) -> Iterator[tuple[Place, list[str]]]:
    """The words of each line. For openbsd-inetd a line that begins with a blank continues the line before."""
    found: list[tuple[Place, list[str]]] = []
    goes_on = False
    for number, line in enumerate(text.split("\n"), 1):
        line = line.partition("\0")[0]  # as a C program reads it
        words = split(line, host)
        if goes_on and line[:1] in (" ", "\t") and words and host.inetd != GNU:
            if host.inetd == OPENBSD:
                found[-1][1].extend(words)
                continue
            text = "openbsd-inetd takes a line that begins with a blank for the end of the one before, others do not"
            report.entries.append(entry_of(words[0], Place(file, number), line.strip(), blocked(text)))
            continue
        goes_on = bool(words) and not words[0].startswith("#")
        if goes_on:
            found.append((Place(file, number), words))
    yield from found


def split(line: str, host: Host) -> list[str]:
    """Split a line into words. Only GNU's inetd knows quotes."""
    if host.inetd != GNU or line.lstrip().startswith("#"):
        return plain_words(line)
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters, lexer.escape = " \t\r", True, "", ""
    try:
        return list(lexer)
    except ValueError:
        return plain_words(line)


def plain_words(line: str) -> list[str]:
    """The words between blanks and tabs, as skip() in inetd.c finds them. str.split() would also take other characters
    for blanks, such as U+00A0. A carriage return at the end belongs to the line end of another system.
    """
    return [word for word in line.rstrip("\r").replace("\t", " ").split(" ") if word]
