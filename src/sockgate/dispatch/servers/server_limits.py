"""The limits of --rlimit, for a server that vfork(2) starts.

The child of vfork(2) runs no code of ours before exec, and exec hands on the limits of this process. So the gate takes
on the limits of the server for the moment of the start, and then its own again. fork(2) costs 2 ms more.

Only CAP_SYS_RESOURCE can raise a hard limit again. So without it, hard limits below those of the gate are left to a
child of fork(2), unless the gate has taken them on for good (lasting_limits.py). prlimit(2) could set them after exec,
but some servers were quicker: they saw the old ones, or handed them on.
"""

import resource
from collections.abc import Callable, Sequence
from functools import cache
from resource import RLIM_INFINITY
from typing import NamedTuple, ParamSpec

from ...connection.rlimits import limit_to_set

P = ParamSpec("P")

# Not for the gate, not even for a moment: it has used its processor time, and its user may have more processes.
OF_SERVERS_ALONE = frozenset((resource.RLIMIT_CPU, resource.RLIMIT_NPROC, resource.RLIMIT_RTTIME))
LEAST_DESCRIPTORS = 3  # the child has none before exec but 0, 1 and 2

Limit = tuple[int, tuple[int, int]]  # number, and (soft, hard)


class ServerLimits(NamedTuple):
    """The limits around the start of one server.

    own    those of the gate
    taken  those that the gate has while it starts the server
    """

    own: tuple[Limit, ...]
    taken: tuple[Limit, ...]

    def around(self, start: Callable[P, int], *words: P.args, **named: P.kwargs) -> int:
        """Call this function under the limits of the server. Raises what it raises."""
        taken, own = iter(self.taken), iter(self.own)  # made now: under these limits there may be no memory for them
        try:
            for number, limits in taken:
                resource.setrlimit(number, limits)
            return start(*words, **named)
        finally:
            for number, limits in own:
                resource.setrlimit(number, limits)


def server_limits(limits: Sequence[tuple[int, int, int]]) -> ServerLimits | None:
    """The limits for the start of a server. None if only a child of fork(2) can set them."""
    softs = {number: soft for number, soft, _ in limits}
    if len(softs) < len(limits) or OF_SERVERS_ALONE.intersection(softs):
        return None
    if 0 <= softs.get(resource.RLIMIT_NOFILE, RLIM_INFINITY) < LEAST_DESCRIPTORS:
        return None
    own = tuple((number, resource.getrlimit(number)) for number, _, _ in limits)
    wanted = tuple((limit[0], limit_to_set(*limit)) for limit in limits)
    hards = [(new[1], old[1]) for (_, old), (_, new) in zip(own, wanted, strict=True)]
    if any(is_above(new, old) for new, old in hards):
        return None
    if any(new != old for new, old in hards) and not may_raise_limits():
        return None
    return ServerLimits(own, wanted)


def is_above(one: int, other: int) -> bool:
    return other != RLIM_INFINITY and (one == RLIM_INFINITY or one > other)


@cache
def may_raise_limits() -> bool:
    """Whether this process may raise its hard limits again. It tries that with one that it does not need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_MSGQUEUE)
    if hard == RLIM_INFINITY:
        return False
    try:
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (soft, hard + 1))
    except (OSError, ValueError):
        return False
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (soft, hard))
    return True
