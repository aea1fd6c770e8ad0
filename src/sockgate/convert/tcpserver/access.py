"""tcpserver's rules, and the look-ups that the rules and the server need."""

import os

from ...core import ALLOW, GateError
from ...core.options import DEFAULT_TIMEOUT
from ...rulefile.reader import StoredRule, read_rules
from ..chain.peeling import OF_GATE
from ..outcomes import Answer, approximated, blocked, translated
from ..rules_text import variables_in
from .options import Listener

Answers = list[tuple[str, Answer]]


def access(listener: Listener, answers: Answers) -> None:
    """-x and -X. While the rules file is missing the gate refuses every client, also with -X."""
    path = listener.rules
    if not path:
        if listener.missing_rules_allow:
            answers.append(("-X", translated(text="without -x it means nothing")))
        return
    answers.append((f"-x {path}", translated(listener.chain.option("--rules", path))))
    if listener.missing_rules_allow:
        text = f"while the file is missing the gate refuses every client; {listener.program} let every client in"
        answers.append(("-X", approximated(text)))


def folders(listener: Listener, answers: Answers) -> None:
    """envdir in front of tcpserver.

    tcpserver and its rules replaced its variables; behind the gate, it replaces theirs.
    """
    names = listener.chain.in_folders.keys()
    if not names:
        return
    of_gate = next(filter(OF_GATE.match, sorted(names)), None)
    if of_gate:
        text = f"{of_gate} in its folder would be stronger than what the gate says of the client: take it out, "
        answers.append(("envdir", blocked(f"{text}{listener.program} never minded it")))
        return
    for rule in rules_of(listener.rules):
        both = names & {os.fsdecode(name) for name in rule.action.variables}
        if both and rule.action.outcome == ALLOW:
            text = f"{min(both)} in its folder would be stronger than {rule.cause}: take it out there, and set it in "
            answers.append(("envdir", blocked(f"{text}the rules that do not")))
            return
    if listener.rules:
        text = "it runs behind the gate now: a variable in its folder counts more than one of that name in "
        answers.append(("envdir", approximated(f"{text}{listener.rules!r}")))


def told_to_some(listener: Listener) -> frozenset[str]:
    """The variables that rules, or other options, set for some clients."""
    by_rules = {os.fsdecode(name) for rule in rules_of(listener.rules) for name in rule.action.variables}
    by_option = {(text or "").partition("=")[0] for option, text in listener.chain.gate if option == "--client-env"}
    return frozenset(by_rules | by_option | variables_in(listener.rules_text))


def lookups(listener: Listener, answers: Answers) -> None:
    """-h, -p and -r, which are tcpserver's defaults.

    Rules that need such a look-up would let in other clients without it.
    """
    if listener.ident is None:
        answers.append(undecided_ident(listener, has_rules_by_user(listener.rules)))
    if listener.lookup:
        answers.append(("-h", translated(listener.chain.option("--hostname", None))))
        if listener.paranoid:
            answers.append(("-p", translated(listener.chain.option("--paranoid", None))))
    if listener.ident:
        answers.append(("-r", translated(*ident(listener))))
    if listener.local_name is None:
        text = (
            f"{listener.program} looked up the machine's own name for TCPLOCALHOST; none is now: add --local-name NAME"
        )
        answers.append(("without -l", approximated(text)))


def undecided_ident(listener: Listener, is_needed: bool) -> tuple[str, Answer]:
    """Without -r and -R: sslserver asks ident up to version 0.70, newer versions do not."""
    text = "sslserver up to 0.70 asks ident without -r, newer ones do not"
    if is_needed:
        return "without -r", blocked(f"{text}; {listener.rules!r} has rules by user: write -r or -R")
    return "without -r", approximated(f"{text}: the gate does not ask; add --ident if TCPREMOTEINFO is needed")


def ident(listener: Listener) -> list[str]:
    """The options for -r.

    Without -t, tcpserver waits for 26 seconds; that was not asked for, so --timeout holds here.
    """
    seconds = listener.ident_seconds
    if not seconds:
        return [listener.chain.option("--ident", None)]
    options = [listener.chain.option(f"--ident={seconds}", None)]
    if float(seconds) > DEFAULT_TIMEOUT:
        options.append(listener.chain.option("--timeout", seconds))
    return options


def has_rules_by_user(path: str) -> bool:
    """Whether rules need what ident says. (Unreadable rules refuse every client anyway.)"""
    return any("@" in rule.key for rule in rules_of(path))


def rules_of(path: str) -> list[StoredRule]:
    if not path:
        return []
    try:
        return list(read_rules(path))
    except (GateError, OSError, ValueError):  # ValueError: a NUL in the path
        return []
