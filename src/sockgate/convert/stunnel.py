"""stunnel between the gate and a server, in inetd mode: the file that it reads.

The gate starts stunnel for a client that it has let in, and hands it the connection on descriptors 0 and 1. stunnel
reads certificate and key, becomes the server's user for good, ends TLS, and starts the server with its environment.
"""

import re
from dataclasses import dataclass

from ..core import ConfigError
from .extra_files import FOLDER, ExtraFile
from .input_files import Place, printable

PROGRAM = "stunnel"
LONGEST_LINE = 4000  # characters; stunnel cuts a line at 16 kB
PLAIN_WORD = re.compile(r"[!-~]+", re.ASCII)
# The characters with a meaning for `env -S` between double quotes.
ESCAPES = {"\\": "\\\\", '"': '\\"', "$": "\\$", " ": "\\_", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\v": "\\v",
           "\f": "\\f"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tls:
    """What stunnel needs to know.

    certificate         the file of the certificate, with further certificates behind it
    key                 the key's file, "" if it is in the same one
    ciphers             a list in OpenSSL's form, "" for stunnel's own
    authorities         the file of the authorities for clients' certificates, "" for none
    authority_folder    the same as a folder
    demands_client      whether a client without a certificate of theirs is refused
    handshake           the seconds that a client has for the TLS handshake
    idle                seconds after which a silent session ends
    """

    certificate: str
    key: str = ""
    ciphers: str = ""
    authorities: str = ""
    authority_folder: str = ""
    demands_client: bool = False
    handshake: int = 26
    idle: int = 3600


def path_of(name: str) -> str:
    return f"{FOLDER}/{name}.conf"


def config_file(name: str, origin: Place, tls: Tls, account: tuple[str, str], words: list[str], argv0: str
                ) -> ExtraFile:  # fmt: skip
    """stunnel's file for a server: its account (user, group; "" for root) and words. Raises ConfigError."""
    lines = [
        f"; Converted from {printable(str(origin))} by sockgatectl; see sockgate-migrating(7).",
        f"; stunnel between the gate of {name}.socket and its server, in inetd mode: no section, no `accept`.",
        "",
        *settings(tls),
        *(f"{key} = {value}" for key, value in zip(("setuid", "setgid"), account, strict=True) if value),
        "",
        *server(words, argv0),
        "",
        "; The gate has logged the connection. What goes wrong, and the server's standard error, go to the journal.",
        "foreground = yes",
        "syslog = no",
        "debug = warning",
    ]
    for line in lines:
        if len(line) > LONGEST_LINE or not line.isprintable():
            raise ConfigError(f"{line[:40]!r}... cannot stand in a file of stunnel")
    return ExtraFile(path_of(name), "".join(f"{line}\n" for line in lines))


def settings(tls: Tls) -> list[str]:
    pairs = [
        ("cert", tls.certificate), ("key", tls.key), ("ciphers", tls.ciphers), ("CAfile", tls.authorities),
        ("CApath", tls.authority_folder), ("verifyChain", "yes" if tls.demands_client else ""),
        ("TIMEOUTbusy", str(tls.handshake)), ("TIMEOUTidle", str(tls.idle)),
    ]  # fmt: skip
    lines = [f"{key} = {value}" for key, value in pairs if value]
    if not tls.demands_client:
        lines += ["; No client is asked for a certificate; without a CAfile stunnel 5.68 complains at each start.",
                  f"CAfile = {tls.certificate}"]  # fmt: skip
    return lines


def server(words: list[str], argv0: str) -> list[str]:
    """exec and execArgs. stunnel knows no quotes and splits at blanks, so env(1) starts a command with other words."""
    if all(PLAIN_WORD.fullmatch(word) for word in (argv0 or "x", *words)):
        return [f"exec = {words[0]}", f"execArgs = {' '.join([argv0 or words[0], *words[1:]])}"]
    if "=" in words[0]:
        raise ConfigError(f"{words[0]!r}: env(1), which starts it behind stunnel, would take that for a variable")
    return ["exec = /usr/bin/env", "execArgs = env -S" + r"\_".join(map(quoted, words))]


def quoted(word: str) -> str:
    """A word for `env -S`, without a blank in it."""
    return '"' + "".join(ESCAPES.get(character, character) for character in word) + '"'
