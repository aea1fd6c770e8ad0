"""Inspections of the gate's command line: its variables, options, files and server."""

import contextlib
import errno
import os
import shlex
from collections.abc import Iterable, Iterator

from ...core import Cause
from ...core.peer import pack
from ...dispatch.options import LIMIT_OPTIONS
from ...host.host import Host
from ...host.identity import EXECUTABLE, READABLE, is_allowed
from ...units.command import Word
from ...units.environment import environment_files
from ...units.reader import Place
from ...units.unit import TRUE
from ..gated_service import GatedService
from .fault import Fault
from .service import identity_of, is_resident

LIST_HINT = 'a list with blanks stands in quotes: --allow "192.0.2.1 192.0.2.2"'
# What does the same for a gate of one connection.
EQUALS = {"--session-timeout": "RuntimeMaxSec=", "--session-memory": "MemoryMax=", "--session-tasks": "TasksMax="}
RESIDENT_OPTIONS = {option.name for option in LIMIT_OPTIONS}  # those that sockgate does not have
# The default of systemd, which most distributions keep.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def gate_missing(gated: GatedService, host: Host) -> Iterator[Fault]:
    program = gated.command.program
    if program.startswith("/") and not os.access(host.search.host_path(program), os.X_OK):
        yield Fault(
            gated.service, gated.command.place, f"unable to run {program!r}: it does not exist or is not executable",
            "is sockgate installed there?",
        )  # fmt: skip


def options_wrong(gated: GatedService, _: Host) -> Iterator[Fault]:
    error = gated.error
    if error is None:
        return
    place = place_of(gated, error.cause) if error.cause else empty_variable(gated)
    option = error.cause.option if error.cause else ""
    if option in RESIDENT_OPTIONS and not is_resident(gated):
        socket = gated.socket.name if gated.socket else "the socket"
        hint = f"with Accept=no in {socket}, and there in SOCKGATE_RESIDENT: see sockgated(8)"
        if option in EQUALS:
            hint = f"{hint}; or {EQUALS[option]} in {gated.service.name}"
        yield Fault(gated.service, place, f"{option} needs the resident gate, sockgated", hint)
    else:
        yield Fault(gated.service, place, error.message, error.hint)


def place_of(gated: GatedService, *causes: Cause | None) -> Place:
    """The place of the words that name the first of these causes: its file, its entry, or its option."""
    for cause in filter(None, causes):
        place = place_of_option(cause, gated) if cause.option else place_of_text(cause.file or cause.text, gated.words)
        if place:
            return place
    return gated.command.place


def place_of_text(text: str, words: Iterable[Word]) -> Place | None:
    """Where a file or an entry is named. A file of another root is named without the root."""
    for word in words if text else ():
        if text in word.text or (word.text.startswith("/") and text.endswith(word.text)):
            return word.place
    return None


def place_of_option(cause: Cause, gated: GatedService) -> Place | None:
    """Where the entry of an option stands, or the option. If it is given twice, a variable is to blame before the unit.

    An option that the unit gives in its own line is there for every administrator.
    """
    at = [number for number, word in enumerate(gated.words) if word.text.partition("=")[0] == cause.option]
    values = [word for number in at for word in gated.words[number : number + 2]]
    places = [gated.words[number].place for number in at]
    own = [place for place in places if place != gated.command.place]
    return place_of_text(cause.text, values) or next(reversed(own or places), None)


def empty_variable(gated: GatedService) -> Place:
    """Where the variable is set that should name the server, if it is set to nothing. Else the command itself."""
    name = gated.command.words[-1].strip("${}") if gated.command.words else ""
    variable = gated.variables.get(name)
    return gated.command.place if variable is None or variable.value.strip() else variable.place


def server_unusable(gated: GatedService, host: Host) -> Iterator[Fault]:
    if gated.gate is None:
        return
    name = gated.gate.server.command[0]
    place = next((word.place for word in gated.words if word.text == name), gated.command.place)
    if "/" in name and not name.startswith("/"):
        yield Fault(
            gated.service, place, f"unable to run {name!r}: not an absolute path",
            LIST_HINT if is_entry(name) else "services start in /",
        )  # fmt: skip
        return
    path = find_program(name, gated, host)
    if path is None:
        yield Fault(
            gated.service, place, f"unable to run {name!r}: not found on PATH",
            LIST_HINT if is_entry(name) else "write its absolute path",
        )  # fmt: skip
        return
    code = cannot_run(path, gated, host)
    if code:
        yield Fault(
            gated.service, place, f"unable to run {path!r}: {os.strerror(code)}",
            f"install it, or name another{where_to_name_it(gated)}",
        )  # fmt: skip


def is_entry(name: str) -> bool:
    """Whether the word in the server's place is an address, such as the second word of a list without quotes."""
    with contextlib.suppress(ValueError):
        return bool(pack(name.partition("/")[0].rstrip(",")))
    return False


def where_to_name_it(gated: GatedService) -> str:
    """The administrator's file, of the files that can set the server."""
    files = [file.path for file in environment_files(gated.service)[0] if file.path.startswith("/etc/")]
    return f": SOCKGATE_SERVER= in {files[0]}" if files and "$SOCKGATE_SERVER" in gated.command.words else ""


def find_program(name: str, gated: GatedService, host: Host) -> str | None:
    if "/" in name:
        return name
    path = gated.variables["PATH"].value if "PATH" in gated.variables else DEFAULT_PATH
    for folder in path.split(":"):
        if os.access(host.search.host_path(f"{folder}/{name}"), os.X_OK):
            return f"{folder}/{name}"
    return None


def cannot_run(path: str, gated: GatedService, host: Host) -> int:
    """The errno with which the server will fail to run. 0 if it will run."""
    real = host.search.host_path(path)
    try:
        status = os.stat(real)
    except OSError as error:
        return error.errno or errno.ENOENT
    if os.path.isdir(real) or not status.st_mode & 0o111:
        return errno.EACCES
    return 0 if may(path, EXECUTABLE, gated, host) else errno.EACCES


def may(path: str, mode: int, gated: GatedService, host: Host) -> bool:
    """Whether the service's user can use a file. True if that cannot be found out."""
    identity = identity_of(gated, host)
    if identity is None or not identity.uid or not host.live or not host.privileged:
        return True
    return is_allowed(path, mode, identity)


def files_unreadable(gated: GatedService, host: Host) -> Iterator[Fault]:
    for file in gated.files:
        if not may_read(file, gated, host):
            user = gated.service.value("Service", "User")
            yield Fault(
                gated.service, place_of_file(file, gated), f"unable to read {file!r} as user {user!r}",
                f"chmod +r {shlex.quote(file)}, and +x for the folders above it",
            )  # fmt: skip


def may_read(file: str, gated: GatedService, host: Host) -> bool:
    """Whether the gate can read it, or see that it is missing. libwrap's tables may be missing: they have no rules."""
    if os.path.lexists(host.search.host_path(file)):
        return may(file, READABLE, gated, host)
    return may(os.path.dirname(file), EXECUTABLE, gated, host)


def files_hidden(gated: GatedService, _: Host) -> Iterator[Fault]:
    """Files that ProtectHome= and PrivateTmp= hide. With them, the command works in a shell but not in the service."""
    if gated.gate is None:
        return
    hidden = hidden_folders(gated)
    for file in (*gated.files, gated.gate.server.command[0]):
        for folder, setting in hidden.items():
            if file.startswith(folder + "/"):
                yield Fault(
                    gated.service, place_of_file(file, gated), f"{file!r} is hidden from the service by {setting}",
                    "move it, or allow it with BindReadOnlyPaths=",
                )  # fmt: skip


def hidden_folders(gated: GatedService) -> dict[str, str]:
    folders: dict[str, str] = {}
    home = gated.service.value("Service", "ProtectHome").lower()
    if home in (*TRUE, "tmpfs"):
        folders |= dict.fromkeys(("/home", "/root", "/run/user"), f"ProtectHome={home}")
    if gated.service.value("Service", "PrivateTmp").lower() in (*TRUE, "disconnected"):
        folders |= dict.fromkeys(("/tmp", "/var/tmp"), "PrivateTmp=")  # noqa: S108  # the folders that it hides
    lines = gated.service.list("Service", "BindPaths") + gated.service.list("Service", "BindReadOnlyPaths")
    bound = [path for line in lines for path in line.value.replace(":", " ").replace("-/", "/").split()]
    return {folder: why for folder, why in folders.items() if not any(path.startswith(folder) for path in bound)}


def place_of_file(file: str, gated: GatedService) -> Place:
    """Where the words are written that name a file, or the folder that it is in (--hosts-access DAEMON,DIR)."""
    return next((word.place for word in gated.words if names_file(word.text, file)), gated.command.place)


def names_file(text: str, file: str) -> bool:
    folders = (part for part in text.replace("=", ",").split(",") if part.startswith("/"))
    return file in text or any(file.startswith(f"{folder}/") for folder in folders)
