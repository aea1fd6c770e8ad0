"""The user and groups of a service, and what the kernel lets that user do."""

import os
from typing import NamedTuple

READABLE, EXECUTABLE = os.R_OK, os.X_OK
ROOT = 0


class Identity(NamedTuple):
    """The user and group numbers of a process."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def is_allowed(path: str, mode: int, identity: Identity) -> bool:
    """Whether this user could open (or execute) the file. A child process asks the kernel, as that user."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(identity.groups)
            os.setgid(identity.gid)
            os.setuid(identity.uid)
            os._exit(0 if os.access(path, mode) else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
