"""What sockgated logs, and in whose words: --log-format.

START, FAIL and EXIT of each client, as a record of the journal's or as the lines that log readers of xinetd and
tcpserver know; and what happens to the gate itself, which is always a record of ours.
"""

import os
import signal
from time import monotonic

from ..core.access import Verdict
from ..core.errors import GateError
from ..core.log import INFO, peer_fields, write_line
from ..core.peer import Peer
from .journal import PatientLog
from .sessions import Session

WARNING = 4  # syslog(3)

# One MESSAGE_ID per kind of record; those that sockgate has, too, are in core/log.py.
ENDED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a05"
PAUSED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a06"
GATE_BROKEN = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a07"
GATE_READ = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a08"
STARTED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a09"
STOPPED = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a0a"
FAULT = "5c1d8a2f0f7d4e0f9a3c6b7e21d40a0b"


class Records:
    """The journal's: structured, or one line each on standard error if that is not the journal."""

    def __init__(self, log: PatientLog) -> None:
        self._log = log

    def accepted(self, session: Session, verdict: Verdict, note: str) -> None:
        self._log.verdict(session.peer, verdict, allowed=True, note=note)

    def refused(self, peer: Peer, verdict: Verdict) -> None:
        self._log.verdict(peer, verdict, allowed=False)

    def failed(self, peer: Peer | None, error: GateError) -> None:
        self._log.failure(str(error), peer, error.code)

    def gone(self) -> None:
        self._log.gone()

    def ended(self, session: Session, status: int) -> None:
        seconds = monotonic() - session.since
        peer = session.peer
        message = f"ended {peer.source} on {peer.destination} after {seconds:.3f} s: {describe_status(status)}"
        self._log.record(
            INFO, ENDED, message, ("SOCKGATE_PID", session.pid), ("SOCKGATE_STATUS", exit_code(status)),
            ("SOCKGATE_SIGNAL", signal_name(status)), ("SOCKGATE_DURATION", f"{seconds:.3f}"), *peer_fields(peer),
        )  # fmt: skip

    def status(self, current: int, limit: int) -> None:
        """How many clients there are, after each change."""

    def send(self) -> None:
        """Let the journal have what was recorded, as far as it takes it now."""
        self._log.send()

    @property
    def waiting(self) -> bool:
        return self._log.waiting

    def flush(self) -> None:
        """Before an exit: the journal finds the service of a record only while its sender lives."""
        self._log.send()
        self._log.flush()

    def event(self, priority: int, message_id: str, message: str) -> None:
        """Something that concerns the gate itself."""
        self._log.record(priority, message_id, message)


class XinetdLines(Records):
    """xinetd's (log.c), as its FILE and SYSLOG logs have them behind the date."""

    def accepted(self, session: Session, verdict: Verdict, note: str) -> None:
        write_line(f"START: {self._log.service} pid={session.pid} from={address_of(session.peer)}")

    def refused(self, peer: Peer, verdict: Verdict) -> None:
        reason = XINETD_REASONS.get(verdict.rule.partition(" ")[0], "address")
        write_line(f"FAIL: {self._log.service} {reason} from={address_of(peer)}")

    def failed(self, peer: Peer | None, error: GateError) -> None:
        write_line(f"FAIL: {self._log.service} fork from={address_of(peer) if peer else '<no address>'}")
        super().failed(peer, error)

    def ended(self, session: Session, status: int) -> None:
        seconds = int(monotonic() - session.since)
        how = f"signal={os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status={os.WEXITSTATUS(status)}"
        write_line(f"EXIT: {self._log.service} {how} pid={session.pid} duration={seconds}(sec)")


XINETD_REASONS = {
    "--max-connections": "service_limit",
    "--max-per-source": "per_source_limit",
    "--max-per-network": "per_source_limit",
    "--rate": "connections per second",
    "--access-times": "time",
    "--max-load": "load",
    "--hosts-access": "libwrap",
}


class TcpserverLines(Records):
    """tcpserver's with -v. Where it decides in a child, we have none: a refusal shows the gate's own pid."""

    def accepted(self, session: Session, verdict: Verdict, note: str) -> None:
        write_line(f"tcpserver: pid {session.pid} from {address_of(session.peer)}")
        write_line(f"tcpserver: ok {session.pid} {tcpserver_ends(session.peer)}")

    def refused(self, peer: Peer, verdict: Verdict) -> None:
        write_line(f"tcpserver: deny {os.getpid()} {tcpserver_ends(peer)}")

    def ended(self, session: Session, status: int) -> None:
        write_line(f"tcpserver: end {session.pid} status {status}")

    def status(self, current: int, limit: int) -> None:
        write_line(f"tcpserver: status: {current}/{limit}")


FORMATS: dict[str, type[Records]] = {"journal": Records, "xinetd": XinetdLines, "tcpserver": TcpserverLines}


def address_of(peer: Peer) -> str:
    return peer.remote_ip or "<no address>"


def tcpserver_ends(peer: Peer) -> str:
    """LOCALHOST:LOCALIP:LOCALPORT REMOTEHOST:REMOTEIP:REMOTEINFO:REMOTEPORT, nothing where nothing is known."""
    local = f"{peer.local_host or ''}:{peer.local_ip or ''}:{peer.local_port}"
    return f"{local} {peer.host or ''}:{peer.remote_ip or ''}:{peer.info or ''}:{peer.remote_port}"


def describe_status(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)} ({signal_name(status)})"
    return f"status {os.WEXITSTATUS(status)}"


def exit_code(status: int) -> int | None:
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


def signal_name(status: int) -> str | None:
    if not os.WIFSIGNALED(status):
        return None
    try:
        return signal.Signals(os.WTERMSIG(status)).name
    except ValueError:  # a real-time signal
        return str(os.WTERMSIG(status))
