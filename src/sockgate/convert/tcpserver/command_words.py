"""The words of a command line: which of them is the server, and how to show them."""

import re

from ...host.host import Host
from ..shell.state import ACCOUNT_MARK, UNKNOWN

SERVERS = ("tcpserver", "sslserver", "tcpsvd")
ACCOUNT = re.compile(f"{ACCOUNT_MARK}([ug])([^{ACCOUNT_MARK}]*){ACCOUNT_MARK}")
HOST_PORT_PROGRAM = 3


def server_at(words: tuple[str, ...]) -> int | None:
    """Where tcpserver stands, None if this starts none: `killall tcpserver` names it only."""
    for at, word in enumerate(words):
        if word.rpartition("/")[2] in SERVERS:
            return at if len(words) - at > HOST_PORT_PROGRAM or at == 0 else None
    return None


def shown(words: tuple[str, ...] | list[str]) -> str:
    """For the report: `id -u NAME` as it was written, ? for what cannot be known."""
    return ACCOUNT.sub(r"`id -\1 \2`", " ".join(words)).replace(UNKNOWN, "?")


def number_of(host: Host, word: str) -> str:
    """With `id -u NAME` as a number, if this machine knows it."""

    def number(match: re.Match[str]) -> str:
        account = host.user(match[2])
        return match[0] if account is None else str(account.pw_uid if match[1] == "u" else account.pw_gid)

    return ACCOUNT.sub(number, word)


def is_known(host: Host, word: str) -> bool:
    return UNKNOWN not in word and ACCOUNT_MARK not in number_of(host, word)
