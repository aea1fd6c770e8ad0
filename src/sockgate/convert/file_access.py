"""Files that the old program read as root, and that the gate reads as the service's user: may that user read them?"""

import os
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ..host.accounts import is_number
from ..host.host import Host
from ..host.identity import READABLE, Identity
from .service import Service

# Programs that stay in front of the server and read a folder, which is their first argument.
READ_A_FOLDER = ("envdir",)


def runs_as_root(service: Service) -> bool:
    """Also where stunnel is started: it changes the user later."""
    return not service.user or service.tls is not None


def identity_of(service: Service, host: Host) -> Identity | None:
    """The numbers that the gate runs with; None if this machine has no such user or group."""
    account = host.account(service.user)
    uid = account.pw_uid if account else int(service.user) if is_number(service.user) else None
    gid = host.group_id(service.group) if service.group else account.pw_gid if account else None
    if gid is None and is_number(service.group):
        gid = int(service.group)
    if uid is None or gid is None:
        return None
    further = [] if service.clear_groups or account is None else map(int, host.further_groups(account))
    return Identity(uid, gid, (gid, *further))


def unreadable(service: Service, files: Iterable[str], host: Host) -> Iterator[str]:
    """The files that exist and that the service's user cannot read. As root, since the kernel is asked as that user."""
    identity = identity_of(service, host)
    if identity is None or not (host.live and host.privileged):
        return
    for path in dict.fromkeys((*files, *folders_of(service))):
        mode = READABLE | os.X_OK if os.path.isdir(path) else READABLE
        if os.path.exists(path) and not host.is_allowed(path, mode, identity):
            yield path


def folders_of(service: Service) -> Iterator[str]:
    words = list(map(str, service.command))
    for word, following in pairwise(words):
        if os.path.basename(word) in READ_A_FOLDER:
            yield following


def remedy(service: Service, path: str) -> str:
    """What is wrong with such a file, and what can be done."""
    user, group = service.user, service.group or f"of {service.user}"
    return (
        f"{path!r} cannot be read by {user}: the old program read it as root, and the gate runs as {user}. Until that "
        f"is mended the gate refuses every client. Give the file to the group {group} with mode 0640; or copy it to "
        f"where {user} may read it; or hand it over with LoadCredential=NAME:{path} in the service, and %d/NAME in "
        "its ExecStart="
    )
