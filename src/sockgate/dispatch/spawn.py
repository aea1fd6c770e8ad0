"""Starting a server on a client's connection."""

import ctypes
import errno
import os
from functools import cache

from ..core.environ import to_bytes
from ..core.errors import SystemFailure
from ..core.handover import Server, exec_failure
from .signals import LIBC, SIGSET_SIZE, signal_set
from .template import Words, pointers

OVERLOADED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS))

# spawn.h of the GNU C library; larger than the structures of any C library on Linux.
ATTRIBUTES_SIZE, FILE_ACTIONS_SIZE = 512, 128
POSIX_SPAWN_SETPGROUP, POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK = 0x02, 0x04, 0x08


class Overloaded(SystemFailure):
    """The system is short of something. The same may well work in a moment."""


class Launcher:
    """Starts one server again and again, each time on another connection and with other variables.

    Through the C library's posix_spawn by ctypes: os.posix_spawn builds all of its arguments anew for each, and leaves
    two signals of the C library's own out of those that the server is to get back.
    """

    def __init__(self, server: Server) -> None:
        words = [to_bytes(word) for word in server.command]
        if server.argv0:
            words[0] = to_bytes(server.argv0)
        self._arguments = pointers(words)
        self._descriptors = (0, 1, 2) if server.stderr == "socket" else (0, 1)
        self._attributes = attributes()
        self._pid = ctypes.c_int()

    def start(self, path: bytes, connection: int, environment: Words) -> int:
        """Returns its process id, raises Overloaded or another GateError."""
        failure = LIBC.posix_spawn(
            ctypes.byref(self._pid), path, file_actions(connection, self._descriptors), self._attributes,
            self._arguments, environment,
        )  # fmt: skip
        if failure in OVERLOADED:
            raise Overloaded(f"unable to start a process: {os.strerror(failure)}")
        if failure:
            raise exec_failure(path, OSError(failure, os.strerror(failure)))
        return self._pid.value


@cache  # one for each descriptor number, and connections use few: each is closed here when its server runs
def file_actions(connection: int, descriptors: tuple[int, ...]) -> ctypes.Array[ctypes.c_char]:
    """A posix_spawn_file_actions_t: the connection on these descriptors. Nothing else survives exec."""
    actions = ctypes.create_string_buffer(FILE_ACTIONS_SIZE)
    LIBC.posix_spawn_file_actions_init(actions)
    for descriptor in descriptors:
        LIBC.posix_spawn_file_actions_adddup2(actions, connection, descriptor)
    return actions


def attributes() -> ctypes.Array[ctypes.c_char]:
    """A posix_spawnattr_t: a process group of its own, no signal ignored or blocked.

    Not a session of its own: with setsid(2) a Linux that has CONFIG_SCHED_AUTOGROUP makes a scheduling group for
    each, which costs 0.2 ms of the 0.8 that a small server takes from start to end.
    """
    result = ctypes.create_string_buffer(ATTRIBUTES_SIZE)
    LIBC.posix_spawnattr_init(result)
    flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    LIBC.posix_spawnattr_setflags(result, ctypes.c_short(flags))
    LIBC.posix_spawnattr_setsigmask(result, signal_set(()))
    # Not by sigaddset(3), which leaves out two signals of the C library's own: they would be ignored in the server.
    LIBC.posix_spawnattr_setsigdefault(result, ctypes.create_string_buffer(b"\xff" * SIGSET_SIZE))
    return result
