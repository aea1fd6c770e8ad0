"""--client-env: variables that tell the server of its client under the names of another program."""

from ..core import Cause, UsageError
from ..core.options import to_bytes

# What a text may name: the variables that are about the client and its connection.
SIDES = tuple(
    side + what for side in ("LOCAL", "REMOTE") for what in ("IP", "PORT", "HOST", "INFO")
)  # fmt: skip
KNOWN = frozenset(("PROTO", *("TCP" + name for name in SIDES), *("TCP6" + name for name in SIDES)))
PORT = b"REMOTEPORT"  # the end of the name of a variable that has another value at each connection


class ClientVariables:
    """The variables, each with the parts of its text: as parse_client_variables reads them.

    varies  whether two connections of one client get different values
    """

    __slots__ = ("_texts", "varies")

    def __init__(self, texts: dict[bytes, list[bytes]]) -> None:
        self._texts = texts
        self.varies = any(name.endswith(PORT) for parts in texts.values() for name in parts[1::2])

    def has(self, name: bytes) -> bool:
        """Whether one of them has this name."""
        return name in self._texts

    def put_into(self, environment: dict[bytes, bytes]) -> None:
        """Set them. A variable is not set, and removed if it is there, if its text names one that is unknown."""
        for name, parts in self._texts.items():
            values = [environment.get(part) if number % 2 else part for number, part in enumerate(parts)]
            known = [value for value in values if value is not None]
            if len(known) == len(values):
                environment[name] = b"".join(known)
            else:
                environment.pop(name, None)


def parse_client_variables(words: list[str], option: str = "--client-env") -> dict[bytes, list[bytes]]:
    """--client-env VAR=TEXT, with {NAME} in the text for a variable of the client. Raises UsageError.

    A text becomes its parts: even ones as they are, odd ones names of variables.
    """
    texts: dict[bytes, list[bytes]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{option}: {word!r} is not VAR=TEXT", cause=Cause(option, word))
        parts = parts_of(text)
        if parts is None:
            message = f"{option}: {word!r}: {{NAME}} stands for PROTO or a name such as TCPREMOTEIP, and no other"
            raise UsageError(message, cause=Cause(option, word))
        texts[to_bytes(name)] = [to_bytes(part) for part in parts]
    return texts


def parts_of(text: str) -> list[str] | None:
    """Literal text and names in turn. None if a brace has no partner, or stands around something that is no name."""
    before, *rest = text.split("{")
    parts = [before]
    for piece in rest:
        name, brace, literal = piece.partition("}")
        if not brace or name not in KNOWN:
            return None
        parts += [name, literal]
    return None if any("}" in part for part in parts) else parts
