"""The limits of --rlimit, for a server that vfork(2) starts.

The child of vfork(2) runs no code of ours before exec, and exec hands on the limits of this process. So the gate takes
on the limits of the server for the moment of the start, and then its own again. fork(2) costs 2 ms more.

Only CAP_SYS_RESOURCE can raise a hard limit again. Without it, the gate takes on the soft limits alone. It sets the
hard limits of the server by prlimit(2), as soon as vfork(2) has returned and before it serves any other client. That of
the stack it cannot: at this moment exec still has a copy of the old one, and sets that (fs/exec.c: setup_new_exec).
"""

import os
import resource
import signal
import stat
from functools import cache
from resource import RLIM_INFINITY
from typing import NamedTuple

from ...connection.rlimits import limit_to_set
from ...core import SystemFailure

# Not for the gate, not even for a moment: it has used its processor time, and its user may have more processes.
OF_SERVERS_ALONE = frozenset((resource.RLIMIT_CPU, resource.RLIMIT_NPROC, resource.RLIMIT_RTTIME))
LEAST_DESCRIPTORS = 3  # the child has none before exec but 0, 1 and 2

Limit = tuple[int, tuple[int, int]]  # number, and (soft, hard)


class ServerLimits(NamedTuple):
    """The limits around the start of one server.

    own    those of the gate
    taken  those that the gate has while it starts the server
    later  those that the server gets after that
    """

    own: tuple[Limit, ...]
    taken: tuple[Limit, ...]
    later: tuple[Limit, ...]

    def take(self) -> None:
        for number, limits in self.taken:
            resource.setrlimit(number, limits)

    def give_back(self) -> None:
        for number, limits in self.own:
            resource.setrlimit(number, limits)

    def finish(self, pid: int) -> None:
        """Set the hard limits of this server. Raises SystemFailure, and then the server has ended."""
        try:
            for number, limits in self.later:
                resource.prlimit(pid, number, limits)
        except ProcessLookupError:
            return  # it has ended already
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise SystemFailure(f"unable to set the limits of the server: {error.strerror}") from None


def server_limits(limits: list[tuple[int, int, int]], path: bytes) -> ServerLimits | None:
    """The limits for the start of the program with this path. None if only a child of fork(2) can set them."""
    softs = {number: soft for number, soft, _ in limits}
    if len(softs) < len(limits) or OF_SERVERS_ALONE.intersection(softs):
        return None
    if 0 <= softs.get(resource.RLIMIT_NOFILE, RLIM_INFINITY) < LEAST_DESCRIPTORS:
        return None
    own = tuple((number, resource.getrlimit(number)) for number, _, _ in limits)
    wanted = tuple((limit[0], limit_to_set(*limit)) for limit in limits)
    pairs = list(zip(own, wanted, strict=True))
    if any(is_above(new[1], old[1]) for (_, old), (_, new) in pairs):
        return None
    if may_raise_limits():
        return ServerLimits(own, wanted, ())
    taken = tuple((number, (new[0], old[1])) for (number, old), (_, new) in pairs)
    later = tuple((number, new) for (_, old), (number, new) in pairs if new[1] != old[1])
    if later and (may_change_user(path) or any(number == resource.RLIMIT_STACK for number, _ in later)):
        return None
    return ServerLimits(own, taken, later)


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


def may_change_user(path: bytes) -> bool:
    """Whether the program becomes another user before prlimit(2) could reach it: that may only set its own user's."""
    if os.geteuid() == 0:
        return True
    try:
        return bool(os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID))
    except OSError:
        return True
