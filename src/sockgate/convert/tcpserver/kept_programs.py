"""The links of qmail's chains that stay in front of the server, and what the gate has in their place."""

import shlex

from ...access.dnsbl import DnsList
from ...core import UsageError
from ..chain.links import STAYS
from ..chain.peeling import BadLink, flags_of
from ..outcomes import Answer, translated
from .command_words import shown

Answers = list[tuple[str, Answer]]
RBLSMTPD_VALUES, RBLSMTPD_FLAGS = "ratw", "bBcCiWR"
# They take no options, and start what stands behind them.
WITHOUT_OPTIONS = {
    "fixcrio": "",
    "recordio": "",
    "greetdelay": "the gate can do this, and without a process that waits: --greet-delay",
    "relaylock": "",
    "relay-ctrl-check": "",
    "relay-ctrl-allow": "",
}


def report_kept(server: list[str], answers: Answers) -> None:
    """One line of the report for each known link at the front of the chain."""
    words = list(server)
    while words:
        name = words[0].rpartition("/")[2]
        if name in WITHOUT_OPTIONS:
            text = "; ".join(filter(None, (STAYS, WITHOUT_OPTIONS[name])))
            answers.append((name, translated(text=text)))
            words = words[1:]
        elif name == "rblsmtpd":
            words = rblsmtpd(words, answers)
        else:
            return


def dnsbl(value: str, refuses_for_good: bool) -> str:
    """What the gate has for -r BASE[:TEXT], "" if it has nothing: its text cannot hold a further @ or *."""
    base, colon, text = value.partition(":")
    if "@" in text or "*" in text:
        return ""
    words = f"{'-' * refuses_for_good}{text.replace('%IP%', '@', 1)}" if colon else "-*" * refuses_for_good
    option = f"{base},RBLSMTPD,{words}" if words else f"{base},RBLSMTPD"
    return f"--dnsbl {shlex.quote(option) if colon else option}" if is_list(option) else ""


def is_list(option: str) -> bool:
    """Whether the gate takes this for a DNS list."""
    try:
        DnsList(option)
    except UsageError:
        return False
    return True


def rblsmtpd(words: list[str], answers: Answers) -> list[str]:
    """rblsmtpd stays, because it speaks SMTP with a client that is listed.

    It looks for a text where DNS lists have an address (RFC 5782). So the report only names the options with which the
    gate could ask the same lists.
    """
    try:
        options, rest = flags_of(words[1:], RBLSMTPD_VALUES, RBLSMTPD_FLAGS)
    except BadLink:
        return []
    refuses_for_good = [letter for letter, _ in options if letter in "bB"][-1:] == ["b"]
    lists = [dnsbl(value, refuses_for_good) for letter, value in options if letter == "r"]
    lists += [f"--dnsbl-allow {value}" if is_list(value) else "" for letter, value in options if letter == "a"]
    if any(letter == "c" for letter, _ in options):
        lists.append("--dnsbl-fail closed")
    if "" in lists:
        lists = []  # the gate cannot ask all of them
    shown_words = shown(words[: len(words) - len(rest)])
    hint = (
        f"; the gate can ask before the server starts, and rblsmtpd then only refuses: {' '.join(lists)}"
        if lists
        else ""
    )
    answers.append((shown_words, translated(text=STAYS + hint)))
    return rest
