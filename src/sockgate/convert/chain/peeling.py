"""Chains of programs that each do one thing and start the next: `softlimit -m 8000000 setuidgid qmaild qmail-smtpd`.

Every link that the units or the gate can replace is taken off the front. The first program that is no such link is the
server, with all words behind it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...host.host import Host
from ..directives import Directives
from ..outcomes import Answer, blocked
from ..rules_text import variables_in

# The variables that the gate itself sets, also with --ssl-variables.
OF_GATE = re.compile(r"PROTO$|TCP6?(REMOTE|LOCAL)|TCP6INTERFACE$|SSL(REMOTE|LOCAL)")


@dataclass(slots=True)
class Chain:
    """The common effect of the links that were taken off.

    folder         the folder in which the chain runs: relative names start there
    path           $PATH for names without a slash, "" for the usual one
    behind         whether the chain stands behind tcpserver, where the client's variables are already set
    keeps_groups   whether the user keeps all its groups, as after a log-in
    uid_variables  the account with the numbers in $UID and $GID
    cleared        whether env - came last, so that no exported variable is left
    limits_stay    whether links that set limits stay in front of the server: stunnel would not start under all limits
    in_folders     the variables in the folders of envdir, as they are now
    told           variables that the gate sets for some clients, beside those of OF_GATE
    socket         directives of the socket
    rules_text     rules for a file of the unit's own, made of those of the old program
    is_busybox     whether the next program is one of busybox
    keep           links that stay in front of the server, because they read files when they run (envdir)
    """

    host: Host
    folder: str = ""
    path: str = ""
    behind: bool = False
    cleared: bool = False
    limits_stay: bool = False
    user: str = ""
    group: str = ""
    keeps_groups: bool = False
    uid_variables: str = ""
    limits: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    pass_env: tuple[str, ...] | None = None
    gate: list[tuple[str, str | None]] = field(default_factory=list)
    directives: Directives = field(default_factory=Directives)
    socket: Directives = field(default_factory=Directives)
    rules_text: tuple[str, ...] = ()
    is_busybox: bool = False
    keep: list[str] = field(default_factory=list)
    in_folders: dict[str, str] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    argv0: str = ""
    needs_gate: bool = False

    def is_told(self, name: str) -> bool:
        """Whether the gate may set this variable, and would be stronger than --env: behind tcpserver it was weaker."""
        told = OF_GATE.match(name) or name in self.told or name in variables_in(self.rules_text)
        return bool(self.behind and told)

    def option(self, name: str, value: str | None) -> str:
        """Add an option of the gate. Returns its text for the report."""
        self.gate.append((name, value))
        return f"{name} {value}" if value is not None else name


class BadLink(Exception):
    """The words of a link make no sense. The text says why."""


Result = tuple[list[str], list[Answer]]
Link = Callable[[Chain, list[str]], Result]


class Stays(Exception):
    """A link that must stay where it stands. It is taken for the server."""


def peel(chain: Chain, words: list[str], links: Mapping[str, Link]) -> Result:
    """Take off the known links. Returns the words that remain, and an answer for each link."""
    answers: list[Answer] = []
    while words and words[0].rpartition("/")[2] in links:
        name = words[0].rpartition("/")[2]
        try:
            words, more = links[name](chain, words[1:])
        except BadLink as error:
            return words, [*answers, blocked(f"{name}: {error}")]
        except Stays:
            return words, answers
        answers += more
    return words, answers


def flags_of(words: list[str], with_value: str, without: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Options as getopt(3) takes them, bundled or apart: ([(letter, value)], remaining words)."""
    options: list[tuple[str, str]] = []
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        word = words[at]
        at += 1
        if word == "--":
            break
        position = 1
        while position < len(word):
            letter = word[position]
            position += 1
            if letter in with_value:
                value = word[position:]
                if not value:
                    if at == len(words):
                        raise BadLink(f"the option -{letter} needs a value")
                    value = words[at]
                    at += 1
                options.append((letter, value))
                break
            if letter not in without:
                raise BadLink(f"the option -{letter} is not known")
            options.append((letter, ""))
    return options, words[at:]


def first(words: list[str], what: str) -> tuple[str, list[str]]:
    if not words:
        raise BadLink(f"{what} is missing")
    return words[0], words[1:]
