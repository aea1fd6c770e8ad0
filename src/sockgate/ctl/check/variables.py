"""Inspections of the variables of a service: its environment files, and what systemd makes of them."""

import contextlib
import re
from collections.abc import Iterator

from ...convert.conflicts import converted_from
from ...host.host import Host
from ...units import envfile
from ...units.command import parse_commands
from ...units.environment import UNSET_LAST_SINCE, environment_files, matching, unset_words
from ...units.reader import Place
from ...units.unit import Unit
from ..gated_service import GatedService
from .fault import Fault

# Text that a shell would replace. A dollar sign by itself can be part of a password.
SHELL = re.compile(r"\$\{?[A-Z_][A-Z0-9_]*|\$\(|`[^`]+`")
# The variables of sockgate's own units. Another variable that begins like these is probably a misspelt one.
OWN_PREFIX = "SOCKGATE_"
OWN = {"SOCKGATE_OPTIONS", "SOCKGATE_SERVER", "SOCKGATE_RESIDENT", "SOCKGATE_LIMITS"}
FOR_THIS_BOOT = "/run/systemd/generator/"  # where sockgate-inetd's units are
SETTINGS = ("/etc/default", "/etc/sysconfig")
COMMENTS_END_SINCE = 254  # the first systemd for which a comment in an environment file ends with its line


def environment_broken(gated: GatedService, _: Host) -> Iterator[Fault]:
    for trouble in gated.troubles:
        if trouble.fatal and trouble.file not in written_at_start(gated):
            yield Fault(gated.service, trouble.place, trouble.text, "create it, or write EnvironmentFile=-...")


def environment_ignored(gated: GatedService, _: Host) -> Iterator[Fault]:
    for trouble in gated.troubles:
        if not trouble.fatal:
            yield Fault(gated.service, trouble.place, trouble.text)


def environment_unread(gated: GatedService, host: Host) -> Iterator[Fault]:
    """Settings in the file that sockgate's own units read, for a service that does not read it, as of `convert`."""
    files, _ = environment_files(gated.service)
    read = {file.path for file in files}
    for folder in SETTINGS:
        path = f"{folder}/sockgate-{gated.service.unit_name.prefix}"
        set_there = [line for name, _, line in assignments_in(path, host) if name in OWN]
        if path not in read and set_there:
            message = "the unit does not read this file: what it sets has no effect"
            yield Fault(gated.service, Place(path, set_there[0]), message, where_to_set(gated.service, host))


def where_to_set(service: Unit, host: Host) -> str:
    """A generated unit follows its file. An edited copy of it would follow no longer."""
    if service.path.startswith(FOR_THIS_BOOT) and (origin := converted_from(host.search.host_path(service.path))):
        return f"say it in {origin}"
    return f"change ExecStart= with `systemctl edit --full {service.name}`"


def variables_misspelt(gated: GatedService, _: Host) -> Iterator[Fault]:
    """A misspelt variable such as SOCKGATE_OPTION=. It has no effect, and no other program reports it."""
    used = set(re.findall(r"\w+", " ".join(gated.command.words)))
    for name, variable in gated.variables.items():
        if name.startswith(OWN_PREFIX) and name not in OWN | used:
            yield Fault(
                gated.service, variable.place, f"no command uses {name!r}",
                f"those of {gated.service.name} are {' '.join(sorted(used & OWN))}" if used & OWN else "",
            )  # fmt: skip


def variables_unset(gated: GatedService, host: Host) -> Iterator[Fault]:
    """A variable that is to be kept from the server, and is kept from the command line as well."""
    if host.systemd_version >= UNSET_LAST_SINCE:
        return
    used = set(re.findall(r"\w+", " ".join(word for word in gated.command.words if "$" in word)))
    for word, place in unset_words(gated.service).items():
        name = word.partition("=")[0]
        if name in used and name not in gated.variables:
            yield Fault(
                gated.service, place,
                f"systemd {host.systemd_version} takes {name!r} out of the command line, too;"
                f" {UNSET_LAST_SINCE} does not",
                "take it out here: a gate hands no SOCKGATE_ variable on to its server",
            )  # fmt: skip


def environment_expands(gated: GatedService, host: Host) -> Iterator[Fault]:
    """`$NAME` in an environment file that a shell used to read. systemd does not expand it."""
    files, _ = environment_files(gated.service)
    for file in files:
        for path in matching(file, host.search):
            for name, value, line in assignments_in(path, host):
                if found := SHELL.search(value):
                    socket = gated.socket.name if gated.socket else "the socket"
                    yield Fault(
                        gated.service, Place(path, line), f"systemd does not expand {found[0]!r} in {name}=",
                        f"for Courier's: sockgatectl courier-environment {path} --output /run/sockgate/NAME.env as"
                        f" ExecStartPre= of {socket}, and that file here",
                    )  # fmt: skip
                    break


def environment_swallowed(gated: GatedService, host: Host) -> Iterator[Fault]:
    if host.systemd_version >= COMMENTS_END_SINCE:
        return
    files, _ = environment_files(gated.service)
    for path in (path for file in files for path in matching(file, host.search)):
        for line in envfile.swallowed_lines(text_of(path, host)):
            yield Fault(
                gated.service, Place(path, line),
                f"systemd {host.systemd_version} takes this line for a part of the comment above, which ends in a"
                " backslash", "take the backslash away",
            )  # fmt: skip


def assignments_in(path: str, host: Host) -> list[tuple[str, str, int]]:
    return envfile.parse(text_of(path, host))


def text_of(path: str, host: Host) -> str:
    try:
        with open(host.search.host_path(path), encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):  # another inspection reports it
        return ""


def written_at_start(gated: GatedService) -> set[str]:
    """The arguments of the socket's own ExecStartPre= commands. A file among them may not exist yet (imap.env)."""
    paths: set[str] = set()
    socket = gated.socket
    if socket is None:
        return paths
    for line in socket.list("Socket", "ExecStartPre"):
        with contextlib.suppress(ValueError):
            for command in parse_commands(line, socket.unit_name):
                paths.update(word.rpartition("=")[2] for word in command.words)
    return paths
