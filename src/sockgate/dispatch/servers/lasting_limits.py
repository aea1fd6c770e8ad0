"""Hard limits of --rlimit that the gate takes on for good, so that vfork(2) can start its servers.

Few gates may raise a hard limit again: that needs CAP_SYS_RESOURCE, and a gate runs as the user of its server, or in a
container. Without it a gate could only fork, which costs each client 2 ms. So a gate lives under the hard limits itself
if they leave it all the room that it may need. couriertcpd did the same: its start script calls ulimit first.

The unit could give the capability (AmbientCapabilities=). But where the machine itself does not have it, as in many
containers, such a unit does not start at all.
"""

import os
import resource
from collections.abc import Sequence
from typing import NamedTuple

from ...connection.rlimits import limit_to_set, lower
from .server_limits import OF_SERVERS_ALONE, is_above, may_raise_limits

PAGE = os.sysconf("SC_PAGE_SIZE")
# The room above what it uses now, its sessions, and new rules beside the old ones. That is more than a whole gate.
MORE_DATA, MORE_SPACE = 16 << 20, 64 << 20
LEFT_BY_RULES = 12 << 20  # what new rules must leave for all that it remembers of its clients
SESSION = 2 << 10  # what a session needs, at the very most
STACK = 1 << 20  # what it needs of the stack, at the very most
NEEDS_NOTHING = frozenset((resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_RSS))


class Memory(NamedTuple):
    """What a process uses of RLIMIT_AS and RLIMIT_DATA, in bytes."""

    space: int
    data: int


def memory_in_use() -> Memory | None:
    """That of this process. None if /proc is missing."""
    try:
        with open("/proc/self/statm") as file:
            fields = file.read().split()
    except OSError:
        return None
    return Memory(int(fields[0]) * PAGE, int(fields[5]) * PAGE)


def live_under(limits: Sequence[tuple[int, int, int]], before: Memory | None, sessions: int) -> int:
    """Take on the hard limits of the servers, if this process could not raise them again and has room under all.

    limits    as parse_limits() gives them
    before    what this process used before it read its rules
    sessions  how many it may have at a time

    Returns how much memory new rules must leave free from now on, in bytes; 0 if nothing was taken on.
    """
    now = memory_in_use()
    own = {limit[0]: resource.getrlimit(limit[0]) for limit in limits}
    hards = {limit[0]: limit_to_set(*limit)[1] for limit in limits}
    are_lower = any(is_above(own[number][1], hard) for number, hard in hards.items())
    if not are_lower or len(hards) < len(limits) or before is None or now is None or may_raise_limits():
        return 0
    needs = needs_of(before, now, sessions)
    if not all(has_room(number, own[number], hard, needs) for number, hard in hards.items()):
        return 0
    for number, hard in hards.items():
        resource.setrlimit(number, (lower(own[number][0], hard), hard))
    return LEFT_BY_RULES + sessions * SESSION


def needs_of(before: Memory, now: Memory, sessions: int) -> dict[int, int]:
    """The least limits under which a gate can live. When a file changes, it has the new rules and the old ones."""
    return {
        resource.RLIMIT_AS: 2 * now.space - before.space + sessions * SESSION + MORE_SPACE,
        resource.RLIMIT_DATA: 2 * now.data - before.data + sessions * SESSION + MORE_DATA,
        resource.RLIMIT_STACK: STACK,
        **dict.fromkeys(NEEDS_NOTHING, 0),
    }


def has_room(number: int, own: tuple[int, int], hard: int, needs: dict[int, int]) -> bool:
    """Whether a process with its own limits (soft, hard) can live under another hard limit."""
    if number in OF_SERVERS_ALONE or is_above(hard, own[1]):
        return False
    return not is_above(own[0], hard) or (number in needs and not is_above(needs[number], hard))
