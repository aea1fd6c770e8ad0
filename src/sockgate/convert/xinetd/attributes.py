"""All that can stand in a block: one row for each attribute, in the order in which a service is built from them.

The rows are those of xinetd 2.3.15.4 (parse.c), and `mdns`, which is only in its manual.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ..outcomes import Answer, translated
from . import access, logs, process, sockets
from .draft import Draft, Value, invalid

Handler = Callable[[Draft, Value], Answer]


class Arity(Enum):
    """The number of values of an attribute. `count` is 0 if any number is allowed."""

    ONE = 1
    TWO = 2
    ANY = 0
    LIST = -1  # any number, and `+=` and `-=` as well as `=`

    @property
    def count(self) -> int:
        return max(self.value, 0)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One row.

    harmless  the service can run without it: a `disable = no` after a value that xinetd cannot use switches the
              service on again without that value. (A service of services(5) has its port from there.)
    """

    name: str
    arity: Arity
    handler: Handler
    harmless: bool = False


def taken_as_read(draft: Draft, value: Value) -> Answer:
    """id, enabled, disabled: they took effect while the blocks were read."""
    return translated()


def disable(draft: Draft, value: Value) -> Answer:
    """`yes` took effect while the blocks were read."""
    return translated() if value.word.lower() == "no" else invalid(f"{value.word!r} is neither yes nor no")


ATTRIBUTES = {
    row.name: row
    for row in (
        Attribute("id", Arity.ONE, taken_as_read),
        Attribute("disable", Arity.ONE, disable),
        Attribute("enabled", Arity.LIST, taken_as_read),
        Attribute("disabled", Arity.LIST, taken_as_read),
        Attribute("type", Arity.ANY, sockets.kind),
        Attribute("flags", Arity.ANY, sockets.flags),
        Attribute("socket_type", Arity.ONE, sockets.socket_type),
        Attribute("protocol", Arity.ONE, sockets.protocol),
        Attribute("wait", Arity.ONE, sockets.wait),
        Attribute("port", Arity.ONE, sockets.port, harmless=True),
        Attribute("bind", Arity.ONE, sockets.bind),
        Attribute("v6only", Arity.ONE, sockets.v6only),
        Attribute("redirect", Arity.TWO, sockets.redirect),
        Attribute("rpc_version", Arity.ONE, sockets.rpc),
        Attribute("rpc_number", Arity.ONE, sockets.rpc),
        Attribute("group", Arity.ONE, process.group),
        Attribute("user", Arity.ONE, process.user),
        Attribute("groups", Arity.ONE, process.groups),
        Attribute("server", Arity.ONE, process.server),
        Attribute("server_args", Arity.ANY, process.server_args),
        Attribute("env", Arity.LIST, process.env),
        Attribute("passenv", Arity.LIST, process.passenv),
        Attribute("nice", Arity.ONE, process.nice, harmless=True),
        Attribute("umask", Arity.ONE, process.umask, harmless=True),
        Attribute("rlimit_as", Arity.ONE, process.rlimit, harmless=True),
        Attribute("rlimit_cpu", Arity.ONE, process.rlimit, harmless=True),
        Attribute("rlimit_data", Arity.ONE, process.rlimit, harmless=True),
        Attribute("rlimit_files", Arity.ONE, process.rlimit, harmless=True),
        Attribute("rlimit_rss", Arity.ONE, process.rlimit, harmless=True),
        Attribute("rlimit_stack", Arity.ONE, process.rlimit, harmless=True),
        Attribute("access_times", Arity.ANY, access.access_times),
        Attribute("max_load", Arity.ONE, access.max_load),
        Attribute("only_from", Arity.LIST, access.address_list),
        Attribute("no_access", Arity.LIST, access.address_list),
        Attribute("libwrap", Arity.ONE, access.libwrap),
        Attribute("instances", Arity.ONE, access.instances),
        Attribute("per_source", Arity.ONE, access.per_source),
        Attribute("cps", Arity.TWO, access.cps),
        Attribute("deny_time", Arity.ONE, access.deny_time),
        Attribute("banner", Arity.ONE, access.banner),
        Attribute("banner_success", Arity.ONE, access.banner),
        Attribute("banner_fail", Arity.ONE, access.banner),
        Attribute("log_type", Arity.ANY, logs.log_type, harmless=True),
        Attribute("log_on_success", Arity.LIST, logs.log_flags, harmless=True),
        Attribute("log_on_failure", Arity.LIST, logs.log_flags, harmless=True),
    )
}
IN_DEFAULTS = frozenset(
    [
        "log_type",
        "log_on_success",
        "log_on_failure",
        "only_from",
        "no_access",
        "passenv",
        "instances",
        "per_source",
        "groups",
        "cps",
        "max_load",
        "bind",
        "v6only",
        "umask",
        "banner",
        "banner_success",
        "banner_fail",
        "disabled",
        "enabled",
    ]
)
IN_DEFAULTS_ONLY = frozenset(("enabled", "disabled"))


def suggestion(name: str, values: tuple[str, ...] = ()) -> str:
    """The attribute that a misspelt one was probably meant to be, for the end of a sentence."""
    if name in IN_DEFAULTS_ONLY:
        return f"; probably meant: disable = {'yes' if (name == 'disabled') == (values != ('no',)) else 'no'}"
    import difflib  # only here: the generator mostly needs none, and PID 1 waits for it

    meant = {"access": "only_from", "args": "server_args"}
    close = [meant[name]] if name in meant else difflib.get_close_matches(name, ATTRIBUTES, 1, 0.75)
    return f"; probably meant: {close[0]}" if close else ""
