"""The links of qmail's chains that stay in front of the server, and what the gate has in their place."""

from ..chain.peeling import BadLink, flags_of
from ..outcomes import Answer, translated
from .command_words import shown

Answers = list[tuple[str, Answer]]
RBLSMTPD_VALUES, RBLSMTPD_FLAGS = "ratw", "bBcCiWR"
STAYS = "stays in front of the server, and must stay installed"
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


def rblsmtpd(words: list[str], answers: Answers) -> list[str]:
    """rblsmtpd speaks SMTP with who is listed, so it stays. It looks for a text where DNS lists have an address (RFC
    5782), so what the gate would ask in its place is told and not done.
    """
    try:
        options, rest = flags_of(words[1:], RBLSMTPD_VALUES, RBLSMTPD_FLAGS)
    except BadLink:
        return []
    refuses_for_good = [letter for letter, _ in options if letter in "bB"][-1:] == ["b"]
    text = ",-*" if refuses_for_good else ""
    lists = [f"--dnsbl {value},RBLSMTPD{text}" for letter, value in options if letter == "r"]
    lists += [f"--dnsbl-allow {value}" for letter, value in options if letter == "a"]
    if any(letter == "c" for letter, _ in options):
        lists.append("--dnsbl-fail closed")
    shown_words = shown(words[: len(words) - len(rest)])
    hint = (
        f"; the gate can ask before the server starts, and rblsmtpd then only refuses: {' '.join(lists)}"
        if lists
        else ""
    )
    answers.append((shown_words, translated(text=STAYS + hint)))
    return rest
