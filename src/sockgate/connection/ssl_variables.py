"""--ssl-variables: the variables of ucspi-ssl, for a server that has a TLS program in front of it."""

from ..core.errors import UsageError
from ..core.verdict import Cause

ENDS = tuple(
    side + what for side in (b"LOCAL", b"REMOTE") for what in (b"IP", b"PORT", b"HOST", b"INFO")
)  # fmt: skip
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class SslVariables:
    """The value of PROTO, or "" to leave PROTO as it is. Raises UsageError if the value is not a name of UCSPI."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: str) -> None:
        if not LETTERS.issuperset(protocol):
            cause = Cause("--ssl-variables", protocol)
            raise UsageError(f"--ssl-variables: {protocol!r} is no protocol, such as SSL", cause=cause)
        self._protocol = protocol.encode()

    def beside(self, variables: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """SSLREMOTEIP and so on, with the values of TCPREMOTEIP and so on in these variables; and PROTO."""
        known = {b"SSL" + end: variables[b"TCP" + end] for end in ENDS if b"TCP" + end in variables}
        if known and self._protocol:
            known[b"PROTO"] = self._protocol
        return known
