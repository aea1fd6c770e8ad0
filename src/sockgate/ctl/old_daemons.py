"""The shell commands that make the old program release its ports, and take them again.

A command that begins with `#` is for the administrator: no program can run it.
"""

import errno
import os
import shlex
import shutil
from collections.abc import Container, Iterator

from ..convert.service import Service
from ..courier import SERVERS
from ..units.search import UnitSearch

Services = tuple[Service, ...]
Commands = tuple[list[str], list[str]]


def old_daemon(program: str, services: Services, search: UnitSearch, running: Container[str]) -> Commands:
    """The commands that stop the old program, and those that start it again. None where it is not on this machine.

    running  the files of the old configuration for whose ports the old program listens now
    """
    match program:
        case "tcpserver":
            return supervised(services, running)
        case "inetd":  # Debian's openbsd-inetd is inetd.service, which cannot be enabled by its other name
            is_gnu = os.path.exists(search.host_path("/usr/sbin/inetutils-inetd"))
            return units(search, "inetutils-inetd" if is_gnu else "inetd")
        case "couriertcpd":
            settings = dict.fromkeys(os.path.basename(service.place.file) for service in services)
            names = (SERVERS[name].unit if name in SERVERS else f"courier-{name}" for name in settings)
            return units(search, *names)
    return units(search, program)


def units(search: UnitSearch, *names: str) -> Commands:
    """The commands for the units of these names, without those that are not there: nothing of them can be stopped.

    `disable --now` does not stop a service that has only an init script, such as xinetd on Debian 12.
    """
    words = [shlex.quote(name) for name in names if is_there(name, search)]  # one may be made of the name of a file
    stop = [f"systemctl {verb} {word}" for word in words for verb in ("stop", "disable")]
    return stop, [f"systemctl {verb} {word}" for word in words for verb in ("enable", "start")]


def is_there(name: str, search: UnitSearch) -> bool:
    """Whether there is a unit of this name, or an init script of which systemd makes one."""
    return bool(search.fragment(f"{name}.service")) or os.path.exists(search.host_path(f"/etc/init.d/{name}"))


def supervised(services: Services, running: Container[str]) -> Commands:
    """The commands for supervised services. A file named down keeps such a service from starting with the machine.

    Next, systemd takes the port: `sv stop` waits until the port is free, `svc -d` does not.
    """
    stop: list[str] = []
    start: list[str] = []
    for file in dict.fromkeys(service.place.file for service in services):
        folder = os.path.dirname(os.path.abspath(file))
        if os.path.basename(file) == "run" and is_supervised(folder):
            stop += stop_supervised(shlex.quote(folder))
            start.append(start_supervised(shlex.quote(folder)))
        elif file in running:
            stop.append(f"# stop what {file} has started")
            start.append(f"# start {file} again")
    return stop, start


def is_supervised(folder: str) -> bool:
    """Whether a supervisor looks after this service: it holds the other end of a named pipe."""
    try:
        os.close(os.open(f"{folder}/supervise/ok", os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        return error.errno == errno.EACCES  # root may always open it; for another user this is no answer
    return True


def stop_supervised(folder: str) -> Iterator[str]:
    if shutil.which("svc"):
        yield f"touch {folder}/down && svc -d {folder}"
        yield f"while svstat {folder} | grep -q ': up '; do sleep 1; done"
    elif shutil.which("sv"):
        yield f"touch {folder}/down && sv stop {folder}"
    else:
        yield f"# stop {folder} with its supervisor, of which neither sv nor svc is here"


def start_supervised(folder: str) -> str:
    command = "svc -u" if shutil.which("svc") else "sv start" if shutil.which("sv") else ""
    return f"rm {folder}/down && {command} {folder}" if command else f"# start {folder} with its supervisor again"
