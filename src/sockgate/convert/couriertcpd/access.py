"""The access rules: IMAPACCESSFILE and ACCESSFILE."""

import os

from ...courier import SETTINGS_FOLDER
from ..input_files import Unreadable, names_in, read_text
from ..outcomes import approximated, broken, translated
from .settings import Settings

ACCESS, LOCAL = "--courier-access", "--courier-access-local"
OPEN = "every client gets in, as before; add --courier-access when there are rules"


def access(settings: Settings) -> None:
    """The rules' text, where couriertcpd had a .dat file that was made of it."""
    variable = "TCPDOPTS" if settings.rules else settings.server.access
    path = rules_path(settings)
    if not path:
        return
    is_made, is_text = os.path.exists(f"{path}.dat"), os.path.exists(path)
    if not is_made and (settings.rules or not settings.server.rules):
        settings.answer(variable, approximated(f"'{path}.dat' does not exist here: {OPEN}"))
        return
    if is_made and holds_nothing(path) and newest(path) <= os.path.getmtime(f"{path}.dat"):
        settings.answer(variable, approximated(f"{path!r} holds no entries: {OPEN}"))
        return
    option = LOCAL if settings.has_local_rules else ACCESS
    settings.gate.insert(0, (option, path))
    became = f"{option} {path}"
    if not is_text:
        text = f"{path!r} does not exist here: until it does, the gate refuses every client"
        settings.answer(variable, broken(text, became))
    elif is_made and newest(path) > os.path.getmtime(f"{path}.dat"):
        text = f"it was changed after {path}.dat was made of it: what is new in it counts now, and did not before"
        settings.answer(variable, approximated(text, became))
    else:
        settings.answer(variable, translated(became, text="the text, no longer what makedat made of it"))


def rules_path(settings: Settings) -> str:
    """The text of the rules: what -access names, or what the start script does; "" for none."""
    variable = settings.server.access
    named = settings.values.get(variable, "") or default_rules(settings) if variable else ""
    return settings.rules or named


def default_rules(settings: Settings) -> str:
    """${IMAPACCESSFILE:=/etc/courier/imapaccess}"""
    rules = settings.server.rules
    return f"{settings.values.get('sysconfdir', SETTINGS_FOLDER)}/{rules}" if rules else ""


def newest(path: str) -> float:
    """The time of the last change of a file, or of the newest file in a folder."""
    return max(filter(None, map(changed, [path, *files_in(path)])), default=0)


def changed(path: str) -> float | None:
    try:
        return os.path.getmtime(path)
    except OSError:  # a link to nothing
        return None


def holds_nothing(path: str) -> bool:
    """Whether there is no rule: a folder without files, or only comments, as Debian installs imapaccess.

    A file that cannot be read may hold rules.
    """
    try:
        return os.path.exists(path) and not any(map(holds_entries, entries_of(path)))
    except Unreadable:
        return False


def entries_of(path: str) -> list[str]:
    """The files of a folder, or the file itself. Raises Unreadable."""
    return [f"{path}/{name}" for name in names_in(path)] if os.path.isdir(path) else [path]


def holds_entries(file: str) -> bool:
    """Whether a file has an entry. Raises Unreadable."""
    lines = [] if os.path.isdir(file) else read_text(file).split("\n")
    return any(line.strip() and not line.startswith("#") for line in lines)


def files_in(path: str) -> list[str]:
    """The files in a folder. Empty if this is no folder, or if it cannot be read."""
    try:
        return entries_of(path) if os.path.isdir(path) else []
    except Unreadable:
        return []
