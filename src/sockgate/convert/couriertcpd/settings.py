"""One file of Courier's settings after evaluation, while its service is built."""

import os
import re
from dataclasses import dataclass, field

from ...core.numbers import natural
from ...courier import SERVERS, Server
from ...host.host import Host
from ..directives import Directives
from ..input_files import Place
from ..outcomes import Answer, blocked, entry_of
from ..report import Report

ASSIGNED = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=", re.ASCII)


@dataclass(slots=True)
class Settings:
    """One file of settings after evaluation, while its service is built.

    dropped          the variable for which -drop turns a client away, "" for none
    user, group      of -user and -group; own_group is the user's, where -group is not given
    rules            of -access, without .dat
    has_local_rules  -accesslocal
    socket           further directives of [Socket]
    """

    name: str
    path: str
    server: Server
    host: Host
    values: dict[str, str]
    lines: dict[str, int]
    report: Report
    gate: list[tuple[str, str | None]] = field(default_factory=list)
    blocked: bool = False
    dropped: str = ""
    user: str = ""
    group: str = ""
    own_group: str = ""
    rules: str = ""
    has_local_rules: bool = False
    socket: Directives = field(default_factory=Directives)

    def answer(self, variable: str, answer: Answer) -> None:
        place = Place(self.path, self.lines.get(variable, 0))
        written = f"{variable}={self.values.get(variable, '')}"
        self.report.entries.append(entry_of(self.name, place, written, answer))
        self.blocked = self.blocked or answer.blocks

    def behind(self) -> set[str]:
        """The options that the start script gives itself behind TCPDOPTS, so that they count."""
        empty = {"-address": f"{self.server.prefix}ADDRESS", "-access": self.server.access}
        return {name for name in self.server.behind if name not in empty or self.values.get(empty[name])}

    def number(self, variable: str, default: int) -> int:
        text = self.values.get(variable, "")
        number = natural(text)
        if number is not None:
            return number
        if text:
            self.answer(variable, blocked(f"{text!r} is no number"))
        return default


def assignments(text: str) -> dict[str, int]:
    """The line on which each variable is set last."""
    found = {}
    for number, line in enumerate(text.split("\n"), 1):
        match = ASSIGNED.match(line)
        if match:
            found[match[1]] = number
    return found


def server_of(path: str, lines: dict[str, int]) -> str:
    """The server of Courier to which a file belongs, by its name or by its variables. "" for none."""
    base = os.path.basename(path)
    own = [name for name, server in SERVERS.items() if lines.keys() & {server.prefix + "PORT", server.start}]
    by_name = (name for name in SERVERS if base == name or (base.endswith(f"-{name}") and name in own))
    by_content = (name for name in own if lines.keys() >= {SERVERS[name].prefix + "PORT", SERVERS[name].start})
    return next(by_name, "") or next(by_content, "") if lines else ""
