"""Handlers: who gets in, how many, and what is sent to them."""

import math
import re

from ...access.xinetd_access import parse_entry
from ...units.model import Directive
from ..input_files import Unreadable, read_text
from ..outcomes import Answer, approximated, blocked, by_engine, ignored, refused, translated
from ..service import NO_LIMIT
from .addresses import usable_addresses
from .draft import Draft, Value, invalid

ADDRESS_LIST_FIX = "write the list out, without '-='"


def address_list(draft: Draft, value: Value) -> Answer:
    """only_from and no_access: the gate's options take xinetd's forms and reach xinetd's verdicts."""
    option = "--only-from" if value.name == "only_from" else "--no-access"
    comma = next((word for word in value.checked if "," in word and "{" not in word), None)
    if comma:
        return invalid(f"{comma!r} contains a comma outside of braces")
    unmatched = unmatched_removal(value)
    if unmatched:
        return blocked(f"'-=' removes {unmatched!r}, which is not in the list under this spelling; {ADDRESS_LIST_FIX}")
    words, problem = usable_addresses(draft, value)
    if problem:
        return blocked(problem)
    if not words and value.name == "no_access":
        return translated(text="the list refuses no client")
    return translated(draft.restrict(option, " ".join(words)), text="" if words else "the list lets no client in")


def unmatched_removal(value: Value) -> str | None:
    """A word that `-=` takes out and that may stand there in another spelling.

    xinetd compares addresses by value. With another spelling, an entry could stay that xinetd removes.
    """
    added = {word.lower() for setting in value.settings if setting.operator != "-=" for word in setting.values}
    removed = (word for setting in value.settings if setting.operator == "-=" for word in setting.values)
    return next((word for word in removed if word.lower() not in added and may_equal(word, added)), None)


def may_equal(word: str, others: set[str]) -> bool:
    """Whether an address may be one of the others; names compare as they are written."""
    try:
        entry = parse_entry(word)
        return not entry.name and any(set(entry.networks) & set(parse_entry(other).networks) for other in others)
    except ValueError:
        return True


def access_times(draft: Draft, value: Value) -> Answer:
    if not value.words:
        return invalid("no interval is given")
    for interval in value.words:
        if not valid_interval(interval):
            return invalid(
                f"{interval!r} is not H:M-H:M with hours 0 to 23 and an end later on the same day "
                f"(across midnight xinetd needs two intervals: 22:00-23:59 00:00-06:00)"
            )
    return translated(draft.restrict("--access-times", " ".join(value.words)))


def valid_interval(text: str) -> bool:
    match = re.fullmatch(r"(\d{1,2}):(\d{1,2})-(\d{1,2}):(\d{1,2})", text, re.ASCII)
    if not match:
        return False
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    if max(start_hour, end_hour) > 23 or max(start_minute, end_minute) > 59:
        return False
    return (start_hour, start_minute) < (end_hour, end_minute)


def max_load(draft: Draft, value: Value) -> Answer:
    load = leading_number(value.word)
    if not load:
        return invalid(f"{value.word!r} is not a load other than 0")
    if load < 0:
        return blocked(f"{value.word!r} is below zero, so xinetd lets no client in; without a unit it is the same")
    if not math.isfinite(load) or load > MOST_LOAD:
        return translated(text="no load is as high as this")
    return translated(draft.restrict("--max-load", f"{max(load, 1e-6):f}".rstrip("0").rstrip(".")))


MOST_LOAD = 1e6


def leading_number(text: str) -> float:
    """strtod(3): the number that the text starts with, 0 if there is none; what follows does not matter."""
    match = re.match(r"([+-]?)(0x[0-9a-f]+|inf|nan|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)", text, re.ASCII | re.IGNORECASE)
    if not match:
        return 0
    number = float.fromhex(match[2]) if match[2][:2].lower() == "0x" else float(match[2])
    return -number if match[1] == "-" else number


def instances(draft: Draft, value: Value) -> Answer:
    number = count_of(value.word)
    if number is None:
        return invalid(f"{value.word!r} is neither a number nor UNLIMITED")
    if number == 0:
        return blocked(NO_CLIENT)
    draft.max_connections = None if number == UNLIMITED else number
    if draft.wait:
        return translated(text="one server at a time, as it always was with wait = yes")
    if number == UNLIMITED:
        return translated(Directive("MaxConnections", NO_LIMIT), text="which is no limit in practice")
    if number > FEW:
        draft.for_resident.append("instances")
    return by_engine(translated(Directive("MaxConnections", number)), translated(f"--max-connections {number}"))


def per_source(draft: Draft, value: Value) -> Answer:
    number = count_of(value.word)
    if number is None:
        return invalid(f"{value.word!r} is neither a number nor UNLIMITED")
    if number == UNLIMITED:
        return translated(text="no limit, as without it")
    if draft.wait:
        return approximated("with wait = yes there is one server at a time, so a limit per source has nothing to count")
    if number == 0:  # systemd takes MaxConnectionsPerSource=0 for no limit
        return blocked(NO_CLIENT)
    draft.max_per_source = number
    draft.for_resident.append("per_source")
    return by_engine(translated(Directive("MaxConnectionsPerSource", number)), translated(f"--max-per-source {number}"))


UNLIMITED = -1
FEW = 5  # connections at a time: more are more than a gate for each of them is made for
NO_CLIENT = "0 lets no client in, for which systemd has no setting; without a unit it is the same"


def count_of(word: str) -> int | None:
    if word.upper() == "UNLIMITED":
        return UNLIMITED
    return int(word) if re.fullmatch(r"\+?\d{1,9}", word, re.ASCII) else None


def cps(draft: Draft, value: Value) -> Answer:
    if not all(re.fullmatch(r"[+-]?\d{1,9}", word, re.ASCII) for word in value.words):
        return invalid(f"{' '.join(value.words)!r} is not two numbers")
    draft.rate, draft.pause = (max(0, int(word)) for word in value.words)
    if not draft.rate:
        return translated(Directive("PollLimitIntervalSec" if draft.host.slows_down else "TriggerLimitIntervalSec", 0))
    if draft.wait:
        return cps_for_each_connection(draft, value)
    draft.for_resident.append("cps")
    text = "during the pause clients are closed at once, where nothing listened"
    return by_engine(cps_for_each_connection(draft, value), translated(f"--cps {draft.rate}/{draft.pause}", text=text))


def cps_for_each_connection(draft: Draft, value: Value) -> Answer:
    """systemd's own limits, which count what systemd accepts or starts."""
    if draft.host.slows_down:
        return approximated(
            f"systemd slows down to {draft.rate} {'starts' if draft.wait else 'connections'} a second; xinetd closed "
            f"the port for {value.words[1]} seconds",
            Directive("PollLimitIntervalSec", "1s"),
            Directive("PollLimitBurst", draft.rate),
        )
    if draft.wait:
        return approximated(
            f"above {draft.rate} starts in a second systemd before 255 stops the socket until it is started again, "
            f"where xinetd waited {value.words[1]} seconds",
            Directive("TriggerLimitBurst", draft.rate),
        )
    return approximated(
        "systemd before 255 has no such limit but one that stops the socket for good; MaxConnections= is the brake. "
        f"With Accept=no sockgated(8) has the exact limit: --cps {draft.rate}/{draft.pause}"
    )


def banner(draft: Draft, value: Value) -> Answer:
    """banner, banner_success, banner_fail."""
    if draft.socket_type == "dgram" or draft.wait:
        return refused("there is no connection to write a banner to, with wait = yes; send it from the server")
    option = "--" + value.name.replace("_", "-")
    try:
        read_text(value.word)
    except Unreadable as error:
        return approximated(
            f"{value.word!r} cannot be read here ({error}), and xinetd leaves it out then. The unit does, too: add "
            f"{option} to its gate when there is a file"
        )
    became = f"{option} {value.word}"
    if value.name != "banner_fail":
        draft.gate.append((option, value.word))
        return translated(became)
    if can_refuse(draft):
        draft.gate.append((option, value.word))
        text = "clients above MaxConnections= and MaxConnectionsPerSource= are closed by systemd, without the banner"
        return by_engine(approximated(text, became), translated(became))
    draft.resident.append((option, value.word))
    text = (
        "only clients above MaxConnections= and MaxConnectionsPerSource= are turned away, and systemd closes them "
        "without the banner; sockgated(8) sends it"
    )
    return by_engine(approximated(text), translated(became))


def can_refuse(draft: Draft) -> bool:
    """Whether there is a rule by which the gate can refuse a client."""
    asks = draft.protocol != "udp" and "NOLIBWRAP" not in draft.flags and draft.host.has_host_rules
    return bool(draft.access) or asks or draft.server.rpartition("/")[2] == "tcpd"


def libwrap(draft: Draft, value: Value) -> Answer:
    draft.libwrap = value.word
    if "NOLIBWRAP" in draft.flags:
        return ignored("flags = NOLIBWRAP switches hosts.allow and hosts.deny off for this service")
    if draft.host.has_host_rules:
        return translated(f"--hosts-access {value.word}")
    return translated(text="hosts.allow and hosts.deny hold no rules")


def deny_time(draft: Draft, value: Value) -> Answer:
    if not re.fullmatch(r"[+-]?\d{1,9}|FOREVER|NEVER", value.word.upper(), re.ASCII):
        return invalid(f"{value.word!r} is neither a number of minutes nor FOREVER nor NEVER")
    if "SENSOR" in draft.flags:
        return refused("there is no SENSOR, so no client is put on a deny list")
    return ignored("it only matters together with flags = SENSOR")
