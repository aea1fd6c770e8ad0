"""One file of Courier's settings after evaluation, while its service is built."""

from dataclasses import dataclass, field

from ..input_files import Place
from ..machine import Machine
from ..outcomes import Answer, blocked, entry_of
from ..report import Report
from .profiles import Profile

CONFIG_FOLDER = "/etc/courier"
TLS_USER = "courier"
FOLDERS = {"prefix": "/usr", "exec_prefix": "/usr", "sbindir": "/usr/sbin", "bindir": "/usr/bin",
           "libexecdir": "/usr/lib/courier", "sysconfdir": CONFIG_FOLDER}  # fmt: skip


@dataclass(slots=True)
class Settings:
    """One file of settings after evaluation, while its service is built.

    dropped  the variable for which -drop turns a client away, "" for none
    """

    name: str
    path: str
    profile: Profile
    machine: Machine
    values: dict[str, str]
    lines: dict[str, int]
    report: Report
    gate: list[tuple[str, str | None]] = field(default_factory=list)
    blocked: bool = False
    dropped: str = ""

    def answer(self, variable: str, answer: Answer) -> None:
        place = Place(self.path, self.lines.get(variable, 0))
        written = f"{variable}={self.values.get(variable, '')}"
        self.report.entries.append(entry_of(self.name, place, written, answer))
        self.blocked = self.blocked or answer.blocks

    def number(self, variable: str, default: int) -> int:
        text = self.values.get(variable, "")
        if text.isascii() and text.isdigit():
            return int(text)
        if text:
            self.answer(variable, blocked(f"{text!r} is no number"))
        return default
