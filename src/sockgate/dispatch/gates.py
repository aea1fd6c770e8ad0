"""The gate in force. It is built anew when a file behind it has changed, and on reload."""

import os
from time import monotonic, time_ns
from typing import NamedTuple

from ..core.errors import GateError, UsageError
from ..core.gate import Gate
from ..core.options import Settings
from .spawn import Launcher

RETRY_SECONDS = 1.0  # how often to try again while there is no gate at all
SETTLED_NS = 20_000_000  # a file that changed this shortly before it was read may change again unseen

Signature = tuple[tuple[int, ...] | None, ...]


class InForce(NamedTuple):
    """A good gate, and what starts its server."""

    gate: Gate
    launcher: Launcher


class GateKeeper:
    """Never puts a gate in force that cannot be built completely: the last good one stays.

    rules    in force; None while there has never been a good gate: then everybody is to be refused
    problem  why the files as they are now make no gate, "" if they do
    """

    def __init__(self, settings: Settings, inherited: dict[bytes, bytes]) -> None:
        self._settings = settings
        self._inherited = inherited
        self._signature: Signature | None = None
        self._next_try = 0.0
        self.rules: InForce | None = None
        self.problem = ""

    @property
    def name(self) -> str:
        """The service's, which is known even without a good gate."""
        return self._settings.one("--name") or (self._settings.command or [""])[0].rpartition("/")[2]

    def current(self) -> InForce | None:
        """The rules for the next client; looks whether a file has changed (a stat(2) for each)."""
        if self.rules is None:
            if monotonic() >= self._next_try:
                self.reload()
        elif (files := self.rules.gate.files) and signature(files) != self._signature:
            self.reload()
        return self.rules

    def reload(self) -> None:
        """Read everything again."""
        begin = time_ns()
        self._next_try = monotonic() + RETRY_SECONDS
        try:
            gate = Gate(self._settings)
            if gate.must_wait or gate.server.limits:
                raise UsageError("--rlimit and --proxy-protocol do not work here yet")
            self.rules = InForce(gate, Launcher(gate.server, gate.base_environment(self._inherited)))
            self.problem = ""
        except GateError as error:
            self.problem = str(error)
        self._signature = signature(self.rules.gate.files if self.rules else ())
        if any(entry and entry[1] > begin - SETTLED_NS for entry in self._signature):
            self._signature = None  # matches nothing: the next client has them read once more


def signature(files: tuple[str, ...]) -> Signature:
    """What changes when a file is written, replaced or removed."""
    return tuple(map(sign, files))


def sign(file: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
