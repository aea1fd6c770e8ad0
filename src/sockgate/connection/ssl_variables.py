"""--ssl-variables: the variables of ucspi-ssl, for a server that has a TLS program in front of it."""

from ..core import Cause, UsageError

ENDS = tuple(
    side + what for side in (b"LOCAL", b"REMOTE") for what in (b"IP", b"PORT", b"HOST", b"INFO")
)  # fmt: skip
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class SslVariables:
    """The value of PROTO, or "" to leave PROTO as it is."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol.encode()

    def beside(self, variables: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """SSLREMOTEIP and so on, with the values of TCPREMOTEIP and so on in these variables; and PROTO."""
        known = {b"SSL" + end: variables[b"TCP" + end] for end in ENDS if b"TCP" + end in variables}
        if known and self._protocol:
            known[b"PROTO"] = self._protocol
        return known


def parse_protocol(text: str, option: str) -> str:
    """Raises UsageError for a value that is not a name of UCSPI."""
    if not LETTERS.issuperset(text):
        raise UsageError(f"{option}: {text!r} is no protocol, such as SSL", cause=Cause(option, text))
    return text
