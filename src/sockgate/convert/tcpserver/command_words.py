"""The words of a command line: which of them is the server, and how to show them."""

import re

from ...host.host import Host
from ..input_files import ACCOUNT_MARK, UNKNOWN
from ..starters import base_name

# Other programs that listen and start servers, with what to do about each.
OTHER_SERVERS = {
    "s6-tlsserver": "it ends TLS itself, and no unit does",
    "s6-ipcserver": "it listens on a path, and its server reads IPCREMOTEEUID, which nothing here sets",
    "s6-ipcserverd": "it listens on a path, and its server reads IPCREMOTEEUID, which nothing here sets",
    "s6-tcpserverd": "it takes a socket that another program made: convert a line of s6-tcpserver",
    "s6-tcpserver4d": "it takes a socket that another program made: convert a line of s6-tcpserver",
    "s6-tcpserver6d": "it takes a socket that another program made: convert a line of s6-tcpserver",
    "sslsvd": "it ends TLS itself, and no unit does",
    "nc": "it serves one client after the other, and then ends",
    "nc.traditional": "it serves one client after the other, and then ends",
    "nc.openbsd": "it serves one client after the other, and then ends",
    "systemd-socket-activate": "it is for tests; a socket unit does the same",
    "faucet": "its options are not known here",
    "micro-inetd": "its options are not known here",
    "tcp-socket-listen": "its options are not known here",
    "xinetd": "convert its configuration with `sockgatectl convert xinetd`",
    "inetd": "convert its configuration with `sockgatectl convert inetd`",
    "couriertcpd": "convert its settings with `sockgatectl convert couriertcpd`",
}
ACCOUNT = re.compile(f"{ACCOUNT_MARK}([ug])([^{ACCOUNT_MARK}]*){ACCOUNT_MARK}")


def other_server(words: tuple[str, ...]) -> str:
    """The name of another program that listens and starts servers; "" if this starts none."""
    return next((name for word in words if (name := base_name(word)) in OTHER_SERVERS), "")


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
