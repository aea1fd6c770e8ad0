"""The options of s6-tcpserver (s6-networking 2.3 to 2.8); s6-tcpserver-access stands behind it (chain/s6_access)."""

from ...units.model import Directive
from ..outcomes import Answer, blocked, translated
from .options import (
    Handlers,
    Listener,
    backlog,
    concurrency,
    group,
    limit_of,
    number_of_clients,
    quiet,
    says,
    set_flag,
    silent,
    source_limit,
    told_by_resident,
    user,
)

LETTERS = {
    "s6-tcpserver": ("cCbGgu", "qQv461U"), "s6-tcpserver4": ("cCbGguv", "1U"), "s6-tcpserver6": ("cCbGguv", "1U"),
}  # fmt: skip
MOST_CLIENTS = 40  # its default, for all clients and for those of one address


def own_account(listener: Listener, _: str) -> Answer | None:
    """-U: $UID, $GID and $GIDLIST, all of which s6-envuidgid sets for its account."""
    chain = listener.chain
    if not chain.uid_variables:
        return blocked("$UID, $GID and $GIDLIST are not set by s6-envuidgid in front of it; write -u and -g")
    chain.user, chain.group, chain.keeps_groups = chain.uid_variables, "", True
    return translated(Directive("User", chain.user))


@number_of_clients
def per_source(listener: Listener, number: int) -> Answer:
    listener.per_source = number
    return source_limit(listener)


def finish(listener: Listener) -> list[tuple[str, Answer]]:
    """The defaults, and the name of the protocol."""
    answers = []
    if "c" not in listener.given:
        answers.append(("without -c", limit_of(listener, f"{MOST_CLIENTS} is its default")))
    if "C" not in listener.given:
        listener.per_source = min(MOST_CLIENTS, listener.concurrency or MOST_CLIENTS)
        answers.append(("without -C", source_limit(listener, f"{MOST_CLIENTS} is its default")))
    became = listener.chain.option("--client-env", "PROTO=TCP")
    answers += [("PROTO", translated(became)), ("TCPCONNNUM", told_by_resident("TCPCONNNUM"))]
    return answers


JOURNAL = says("in the journal, or sockgatectl log")
OWN: Handlers = {
    "c": concurrency, "C": per_source, "b": backlog, "u": user, "g": group, "U": own_account,
    "G": lambda listener, value: blocked("several groups are not converted; add SupplementaryGroups= by hand"),
    "q": quiet, "Q": silent, "v": JOURNAL, "1": says("systemd listens before anything else starts"),
    "4": set_flag("family", value="4"), "6": set_flag("family", value="6"),
}  # fmt: skip


def handlers(name: str) -> Handlers:
    """Those of one of the programs."""
    return {letter: OWN[letter] for letter in "".join(LETTERS[name])}
