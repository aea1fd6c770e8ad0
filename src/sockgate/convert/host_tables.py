"""What hosts.allow and hosts.deny of this machine come to in a gate: the rules that it cannot carry out as written."""

import os

from ..access.hosts_access import HostsAccess
from ..core import GateError
from ..host.host import Host
from .outcomes import Answer, Became, approximated, broken, translated

MOST = 3  # rules that one line of the report names


def asked_for(host: Host, daemon: str, text: str, *became: Became) -> Answer:
    """The answer for a service, if its gate asks the tables for this daemon. `text` says why it does."""
    if not host.hosts_files:
        return translated(*became, text=text)
    folder = os.path.dirname(host.hosts_files[0]) or "."
    try:
        warnings = HostsAccess(f"{daemon},{folder}", ident=False).warnings
    except GateError as error:
        return broken(f"{text}; every client is refused: {error}", *became)
    told = "; ".join(str(warning) for warning in warnings[:MOST])
    if len(warnings) > MOST:
        told += f"; and {len(warnings) - MOST} more, see sockgatectl check"
    return approximated(f"{text}; not as written: {told}", *became) if told else translated(*became, text=text)
