"""The words of a command line: which of them is the server, and how to show them."""

import re

from ...host.host import Host
from ..input_files import ACCOUNT_MARK, UNKNOWN

SERVERS = ("tcpserver", "sslserver", "tcpsvd")
OF_S6 = "its rules are not those of tcprules: write them anew as a text of rules, and the line for tcpserver"
FORKS = "if each client gets a process, write it as `tcpserver 0 PORT PROGRAM`"
# Other programs that listen and start servers, with what to do about each.
OTHER_SERVERS = {
    "s6-tcpserver": OF_S6,
    "s6-tcpserver4": OF_S6,
    "s6-tcpserver6": OF_S6,
    "s6-tlsserver": OF_S6,
    "s6-ipcserver": "it listens on a path: write ListenStream=PATH by hand",
    "udpsvd": "it starts a server that takes datagrams: write ListenDatagram= by hand",
    "socat": FORKS,
    "ncat": FORKS,
    "nc": FORKS,
    "systemd-socket-activate": "write ListenStream= and the program by hand",
    "faucet": FORKS,
    "micro-inetd": FORKS,
    "tcp-socket-listen": FORKS,
    "xinetd": "convert its configuration with `sockgatectl convert xinetd`",
    "inetd": "convert its configuration with `sockgatectl convert inetd`",
    "couriertcpd": "convert its settings with `sockgatectl convert couriertcpd`",
}
ACCOUNT = re.compile(f"{ACCOUNT_MARK}([ug])([^{ACCOUNT_MARK}]*){ACCOUNT_MARK}")
HOST_PORT_PROGRAM = 3


def server_at(words: tuple[str, ...]) -> int | None:
    """Where tcpserver stands, None if this starts none: `killall tcpserver` names it only."""
    for at, word in enumerate(words):
        if word.rpartition("/")[2] in SERVERS:
            return at if len(words) - at > HOST_PORT_PROGRAM or at == 0 else None
    return None


def other_server(words: tuple[str, ...]) -> str:
    """The name of another program that listens and starts servers; "" if this starts none."""
    return next((name for word in words if (name := word.rpartition("/")[2]) in OTHER_SERVERS), "")


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
