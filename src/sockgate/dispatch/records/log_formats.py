"""The forms of --log-format: our own records, and the lines of old programs, which other programs read."""

import os

from ...connection.log import INFO, clean
from ...core import GateError, Verdict
from ...core.peer import Peer
from ..deciding.decision import Decision
from ..options import DEFAULT_SOURCE_PREFIX
from ..sessions import Session
from .buffered_log import BufferedLog
from .records import JournalRecords, Records
from .sums import Why

NO_ADDRESS = "<no address>"


class OldLines(Records):
    """The lines of an old program. What reads them counts them, so refusals are not summed."""

    def sums_up(self, peer: Peer | None, why: Why) -> bool:
        return not self._wants(why)

    def cut_short(self, session: Session) -> None:
        self.event(INFO, "", f"ending {self._shown(session.peer).route} ({session.why})")

    def _write(self, kind: str, line: str) -> None:
        if self._log.writes(kind):
            self._log.write_line(line)


class XinetdLines(OldLines):
    """The lines of xinetd (log.c), as they follow the date in its FILE and SYSLOG logs."""

    def accepted(self, session: Session, decision: Decision) -> None:
        self._write("accepted", f"START: {self.service} pid={session.pid}{self._source(session.peer)}")

    def ended(self, session: Session, status: int | None) -> None:
        how = ""
        if status is not None:
            signalled = os.WIFSIGNALED(status)
            how = f"signal={os.WTERMSIG(status)} " if signalled else f"status={os.WEXITSTATUS(status)} "
        line = f"EXIT: {self.service} {how}pid={session.pid} duration={session.seconds:.0f}(sec)"
        self._write("ended", line)

    def refused(self, peer: Peer, verdict: Verdict) -> None:
        reason = XINETD_REASONS.get(verdict.cause.option if verdict.cause else "", "address")
        self._write("refused", f"FAIL: {self.service} {reason}{self._source(peer)}")

    def failed(self, peer: Peer | None, error: GateError) -> None:
        self._log.write_line(f"FAIL: {self.service} fork{self._source(peer)}")
        super().failed(peer, error)

    def _source(self, peer: Peer | None) -> str:
        """As xinetd without HOST, nothing if the address is not for the log."""
        shown = self._shown(peer) if peer else None
        return "" if shown is not peer and address_of(shown) == NO_ADDRESS else f" from={address_of(shown)}"


XINETD_REASONS = {
    "--max-connections": "service_limit",
    "--max-per-source": "per_source_limit",
    "--max-per-network": "per_source_limit",
    "--rate-per-source": "per_source_limit",
    "--rate": "connections per second",
    "--cps": "connections per second",
    "--max-per-minute": "connections per second",
    "--access-times": "time",
    "--max-load": "load",
    "--hosts-access": "libwrap",
}


class TcpserverLines(OldLines):
    """The lines of tcpserver -v. tcpserver refuses in a child. Here a refusal shows the process id of the gate."""

    def counted(self, current: int, most: int) -> None:
        self._write("accepted", f"tcpserver: status: {current}/{most}")

    def accepted(self, session: Session, decision: Decision) -> None:
        peer = self._shown(session.peer)
        self._write("accepted", f"tcpserver: pid {session.pid} from {address_of(peer)}")
        self._write("accepted", f"tcpserver: ok {session.pid} {tcpserver_ends(peer)}")

    def ended(self, session: Session, status: int | None) -> None:
        self._write("ended", f"tcpserver: end {session.pid} status {'unknown' if status is None else status}")

    def refused(self, peer: Peer, verdict: Verdict) -> None:
        self._write("refused", f"tcpserver: deny {os.getpid()} {tcpserver_ends(self._shown(peer))}")


def make_records(
    log_format: str, log: BufferedLog, source_prefix: tuple[int, int] = DEFAULT_SOURCE_PREFIX
) -> Records:  # fmt: skip
    kinds = {"journal": Records, "xinetd": XinetdLines, "tcpserver": TcpserverLines}
    kind = JournalRecords if log_format == "journal" and log.is_journal else kinds[log_format]
    return kind(log, source_prefix)


def address_of(peer: Peer | None) -> str:
    return peer.remote_ip or NO_ADDRESS if peer else NO_ADDRESS


def tcpserver_ends(peer: Peer) -> str:
    """LOCALHOST:LOCALIP:LOCALPORT REMOTEHOST:REMOTEIP:REMOTEINFO:REMOTEPORT. An unknown part is empty."""
    local = f"{peer.local_host or ''}:{peer.local_ip or ''}:{peer.local_port}"
    return clean(f"{local} {peer.host or ''}:{peer.remote_ip or ''}:{peer.info or ''}:{peer.remote_port}")
