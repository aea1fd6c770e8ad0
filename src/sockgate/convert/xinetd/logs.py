"""Handlers: what is logged, and where. All of it goes to the journal."""

import os

from ...connection.log_choice import KINDS, NONE
from ..outcomes import Answer, approximated, by_engine, refused, translated
from ..unit_names import unit_stem
from .draft import Draft, Value, invalid

FACILITIES = frozenset(
    [
        "daemon",
        "auth",
        "authpriv",
        "user",
        "mail",
        "lpr",
        "news",
        "uucp",
        "ftp",
        "local0",
        "local1",
        "local2",
        "local3",
        "local4",
        "local5",
        "local6",
        "local7",
    ]
)
LEVELS = frozenset(["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"])
ON_SUCCESS = frozenset(["HOST", "DURATION", "EXIT", "PID", "USERID", "TRAFFIC"])
ON_FAILURE = frozenset(["HOST", "ATTEMPT", "USERID"])


def log_type(draft: Draft, value: Value) -> Answer:
    if len(value.settings) > 1:
        return invalid("it can be set only once")
    kind = value.words[0].upper() if value.words else ""
    if kind == "FILE" and 2 <= len(value.words) <= 4:
        return log_file(draft, unit_stem(draft.id), value.words[1])
    if kind == "SYSLOG" and 2 <= len(value.words) <= 3:
        return syslog(draft, value)
    return invalid("it is neither 'SYSLOG FACILITY [LEVEL]' nor 'FILE PATH [SOFT [HARD]]'")


def log_file(draft: Draft, name: str, path: str) -> Answer:
    """The journal in place of a file. Only the resident gate can write the lines of xinetd, which programs may read."""
    draft.log_file = path
    text = f"everything goes to the journal instead of {path!r}: read it with"
    gated = f'or, if it has a gate, with "sockgatectl log {name}"'
    if draft.wait:
        return approximated(f'{text} "journalctl -u {name}.socket -u {name}.service", {gated}')
    draft.for_resident.append("log_type")
    lines = f"with --log-format xinetd and StandardError=append:{path} in {name}.service it writes the lines of xinetd"
    return by_engine(
        approximated(f"{text} \"journalctl -u {name}.socket -u '{name}@*'\", {gated}"),
        approximated(f'{text} "sockgatectl log {name}"; {lines}'),
    )


def log_obstacle(draft: Draft) -> str:
    """Why xinetd cannot open the log of the service, and does not start it; "" for no reason.

    Not asked at boot: /var/log may not be mounted yet.
    """
    path, folder = draft.log_file, os.path.dirname(draft.log_file)
    if not path.startswith("/") or not draft.host.asks_services:
        return ""
    if os.path.isdir(path):
        return f"its log {path!r} is a folder"
    return "" if os.path.isdir(folder) else f"there is no folder {folder!r} for its log {path!r}"


def syslog(draft: Draft, value: Value) -> Answer:
    facility, level = value.words[1].lower(), value.words[2].lower() if len(value.words) == 3 else "info"
    if facility not in FACILITIES:
        return invalid(f"the facility {value.words[1]!r} is not known")
    if level not in LEVELS:
        return invalid(f"the level {value.words[2]!r} is not known")
    became = [draft.set("SyslogFacility", facility)]
    if level != "info":
        became.append(draft.set("SyslogLevel", level))
    return translated(*became)


def log_flags(draft: Draft, value: Value) -> Answer:
    """log_on_success and log_on_failure. A service with neither logs nothing, as one with empty ones (log.c)."""
    known = ON_SUCCESS if value.name == "log_on_success" else ON_FAILURE
    unknown = next((word for word in value.checked if word.upper() not in known), None)
    if unknown:
        return invalid(f"{unknown!r} is not one of {' '.join(sorted(known))}")
    words = frozenset(word.upper() for word in value.words)
    draft.logs[value.name] = words
    draft.counts_traffic = draft.counts_traffic or "TRAFFIC" in words
    if "TRAFFIC" in words:
        return refused("TRAFFIC: bytes are not counted per connection; IPAccounting=yes counts them per service")
    if "USERID" in words:
        return approximated(
            "USERID: no ident query is made, which hardly any client answers and every one has to wait for "
            "(add --ident to the gate if you need it); the rest is in the journal"
        )
    if not words:
        return quiet(draft, value, "xinetd logged nothing of it", "no record tells of it (--log)")
    if "HOST" not in words:
        return quiet(draft, value, "xinetd did not log the client's address", "no record has it (--log-address)")
    return translated(text="in the journal")


def quiet(draft: Draft, value: Value, before: str, now: str) -> Answer:
    """What xinetd did not log. Of a unit for each connection systemd itself writes, and the client is in its name."""
    if draft.wait:
        return approximated(f"{before}; systemd writes when the server starts and ends")
    draft.for_resident.append(value.name)
    return by_engine(
        approximated(f"{before}; systemd writes of the unit of each connection, whose name has the client's address"),
        translated(text=f"{before}: {now}"),
    )


def log_options(draft: Draft) -> tuple[tuple[str, str], ...]:
    """The options of the gate with which it writes no more than xinetd did."""
    kinds = dict.fromkeys(KINDS)
    for name, of_it in (("log_on_success", ("accepted", "ended")), ("log_on_failure", ("refused", "gone"))):
        if name in draft.logs and not draft.logs[name]:
            for kind in of_it:
                del kinds[kind]
    options = [("--log", ",".join(kinds) or NONE)] if len(kinds) < len(KINDS) else []
    written = [words for words in draft.logs.values() if words]
    if written and not any(words & {"HOST", "USERID"} for words in written):
        options.append(("--log-address", NONE))
    return tuple(options)
