"""The steps that make the old program release its ports, and take them again."""

import errno
import os
import shlex
import shutil
from collections.abc import Container, Iterator
from typing import NamedTuple

from ..convert.service import Service
from ..courier import SERVERS
from ..units.search import UnitSearch

Services = tuple[Service, ...]


class Step(NamedTuple):
    """A shell command, or what the administrator must do by hand because no command can."""

    text: str
    is_by_hand: bool = False

    def __str__(self) -> str:
        """As a line of a shell."""
        return f"# {self.text}" if self.is_by_hand else self.text


Steps = tuple[list[Step], list[Step]]


def old_daemon(program: str, services: Services, search: UnitSearch, running: Container[str]) -> Steps:
    """The steps that stop the old program, and those that start it again. None where it is not on this machine.

    running  the files of the old configuration with ports on which the old program listens now
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


def units(search: UnitSearch, *names: str) -> Steps:
    """The steps for the units of these names, without those that are not there: nothing of them can be stopped.

    `disable --now` does not stop a service that has only an init script, such as xinetd on Debian 12.
    """
    words = [shlex.quote(name) for name in names if is_there(name, search)]  # one may be made of the name of a file
    stop = [Step(f"systemctl {verb} {word}") for word in words for verb in ("stop", "disable")]
    return stop, [Step(f"systemctl {verb} {word}") for word in words for verb in ("enable", "start")]


def is_there(name: str, search: UnitSearch) -> bool:
    """Whether there is a unit of this name, or an init script of which systemd makes one."""
    return bool(search.fragment(f"{name}.service")) or os.path.exists(search.host_path(f"/etc/init.d/{name}"))


def supervised(services: Services, running: Container[str]) -> Steps:
    """The steps for supervised services. A file named down keeps such a service from starting with the machine.

    Next, systemd takes the port: `sv stop` waits until the port is free, `svc -d` does not.
    """
    stop: list[Step] = []
    start: list[Step] = []
    for file in dict.fromkeys(service.place.file for service in services):
        folder = os.path.dirname(os.path.abspath(file))
        if os.path.basename(file) == "run" and is_supervised(folder):
            stop += stop_supervised(shlex.quote(folder))
            start.append(start_supervised(shlex.quote(folder)))
        elif file in running:
            stop.append(Step(f"stop what {file} has started", is_by_hand=True))
            start.append(Step(f"start {file} again", is_by_hand=True))
    return stop, start


def is_supervised(folder: str) -> bool:
    """Whether a supervisor looks after this service: it holds the other end of a named pipe."""
    try:
        os.close(os.open(f"{folder}/supervise/ok", os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        return error.errno == errno.EACCES  # root may always open it; for another user this is no answer
    return True


def stop_supervised(folder: str) -> Iterator[Step]:
    if shutil.which("svc"):
        yield Step(f"touch {folder}/down && svc -d {folder}")
        yield Step(f"while svstat {folder} | grep -q ': up '; do sleep 1; done")
    elif shutil.which("sv"):
        yield Step(f"touch {folder}/down && sv stop {folder}")
    else:
        text = f"stop {folder} with its supervisor, of which neither sv nor svc is here"
        yield Step(text, is_by_hand=True)


def start_supervised(folder: str) -> Step:
    command = "svc -u" if shutil.which("svc") else "sv start" if shutil.which("sv") else ""
    if not command:
        return Step(f"start {folder} with its supervisor again", is_by_hand=True)
    return Step(f"rm {folder}/down && {command} {folder}")
