"""The shell commands that make the old program release its ports, and take them again."""

import os
import shlex
import shutil

from ..convert.service import Service
from ..courier import SERVERS
from ..units.search import UnitSearch

Services = tuple[Service, ...]
Commands = tuple[list[str], list[str]]


def old_daemon(program: str, services: Services, search: UnitSearch) -> Commands:
    """The commands that stop the old program, and those that start it again."""
    match program:
        case "tcpserver":
            return supervised(services)
        case "inetd":  # Debian's openbsd-inetd is inetd.service, which cannot be enabled by its other name
            is_gnu = os.path.exists(search.host_path("/usr/sbin/inetutils-inetd"))
            return units("inetutils-inetd" if is_gnu else "inetd")
        case "couriertcpd":
            settings = dict.fromkeys(os.path.basename(service.place.file) for service in services)
            return units(*(SERVERS[name].unit if name in SERVERS else f"courier-{name}" for name in settings))
    return units(program)


def units(*names: str) -> Commands:
    """The commands for units.

    `disable --now` does not stop a service that has only an init script, such as xinetd on Debian 12.
    """
    words = list(map(shlex.quote, names))  # one may be made of the name of a file
    stop = [f"systemctl {verb} {word}" for word in words for verb in ("stop", "disable")]
    return stop, [f"systemctl {verb} {word}" for word in words for verb in ("enable", "start")]


def supervised(services: Services) -> Commands:
    """The commands for supervised services. A file named down keeps such a service from starting with the machine.

    Next, systemd takes the port: `sv stop` waits until the port is free, `svc -d` does not.
    """
    stop, start = [], []
    daemontools = shutil.which("svc")
    for file in dict.fromkeys(service.place.file for service in services):
        folder = shlex.quote(os.path.dirname(os.path.abspath(file)))
        if os.path.basename(file) == "run":
            stop.append(f"touch {folder}/down && {'svc -d' if daemontools else 'sv stop'} {folder}")
            if daemontools:
                stop.append(f"while svstat {folder} | grep -q ': up '; do sleep 1; done")
            start.append(f"rm {folder}/down && {'svc -u' if daemontools else 'sv start'} {folder}")
        else:
            stop.append(f"# stop what {file} has started")
            start.append(f"# start {file} again")
    return stop, start
