"""The words of only_from and no_access as the gate can take them: what xinetd skips is taken out, and said."""

import socket

from ...access.xinetd_access import Entry, cidr, parse_entry
from ..outcomes import approximated, ignored
from .draft import Draft, Value


def usable_addresses(draft: Draft, value: Value) -> tuple[list[str], str]:
    """The words that the gate takes with xinetd's meaning, or the reason why one of them cannot be taken.

    To remove a word from only_from never lets a client in. To remove one from no_access may. So there a word is removed
    only if it is certain that xinetd refused no client by it.
    """
    words: list[str] = []
    comment = False
    for word in value.words:
        comment = comment or word.startswith("#")
        try:
            entry = parse_entry(word)
        except ValueError as error:
            if value.name == "no_access" and not is_no_address(word):
                return [], str(error)
            draft.note(word, ignored(skipped(value, str(error), comment)))
            continue
        kept = usable_entry(draft, value, word, entry, comment)
        if kept:
            words.append(kept)
    return words, ""


def is_no_address(word: str) -> bool:
    """A word that no parser of xinetd takes for an address: only a host name is left, and this is none."""
    return not set(word) & set("/:{.,") and not word.isdigit()


def usable_entry(draft: Draft, value: Value, word: str, entry: Entry, comment: bool) -> str:
    """The word, or another that says what xinetd made of it, or "" for nothing."""
    if entry.name:
        return usable_name(draft, value, word, comment)
    if not entry.networks:
        draft.note(word, ignored(skipped(value, entry.caveat, comment)))
        return ""
    if entry.caveat:
        meaning = " ".join(map(cidr, entry.networks))
        draft.note(word, ignored(f"{entry.caveat}: {meaning}, which stands in its place"))
        return meaning
    return word


def usable_name(draft: Draft, value: Value, word: str, comment: bool) -> str:
    """A host name counts if it could be resolved when xinetd read it (addr.c, host_addr); a .domain always does."""
    resolved = word.startswith(".") or draft.host.address(word, socket.AF_UNSPEC) is not None
    if not resolved and not may_count(draft, value, word, comment):
        draft.note(word, ignored(skipped(value, f"{word!r} cannot be resolved", comment)))
        return ""
    if value.name == "only_from":
        text = "the name of a client must lead back to its address now; xinetd believed any name"
    elif resolved or not draft.host.asks_services:
        text = "a client whose name cannot be found out is refused now; xinetd let it in"
    else:
        text = f"{word!r} cannot be resolved here, so xinetd refused no client by it; the gate does"
    draft.note(word, approximated(text))
    return word


def may_count(draft: Draft, value: Value, word: str, comment: bool) -> bool:
    """Whether a name that is not resolved here is left to the gate.

    The generator asks no name service, so xinetd may have resolved the name. A word of a comment lets no client in, and
    refuses only if it looks like the name of a host.
    """
    asked = draft.host.asks_services
    if comment:
        return value.name == "no_access" and not asked and "." in word
    return value.name == "no_access" or not asked


def skipped(value: Value, reason: str, comment: bool) -> str:
    effect = "let no client in" if value.name == "only_from" else "refused no client"
    if comment:
        return f"{reason}; xinetd {effect} by it. A comment must stand on a line of its own"
    return f"{reason}; xinetd {effect} by it, and neither does the gate"
