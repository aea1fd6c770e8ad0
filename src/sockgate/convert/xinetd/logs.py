"""Handlers: what is logged, and where. All of it goes to the journal."""

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
    """log_on_success and log_on_failure. systemd and the gate always log the client, the end and the duration."""
    known = ON_SUCCESS if value.name == "log_on_success" else ON_FAILURE
    unknown = next((word for word in value.checked if word.upper() not in known), None)
    if unknown:
        return invalid(f"{unknown!r} is not one of {' '.join(sorted(known))}")
    words = {word.upper() for word in value.words}
    draft.counts_traffic = draft.counts_traffic or "TRAFFIC" in words
    if "TRAFFIC" in words:
        return refused("TRAFFIC: bytes are not counted per connection; IPAccounting=yes counts them per service")
    if "USERID" in words:
        return approximated(
            "USERID: no ident query is made, which hardly any client answers and every one has to wait for "
            "(add --ident to the gate if you need it); the rest is in the journal"
        )
    if not words:
        return approximated("xinetd logged nothing of it; systemd and the gate log each client, with its address")
    if "HOST" not in words:
        return approximated("xinetd did not log the client's address; the journal has it")
    return translated(text="in the journal")
