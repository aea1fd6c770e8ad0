"""Print a package's changelog, made from CHANGELOG.md: `changelog.py FORMAT CHANGELOG VERSION MAINTAINER SECONDS`.

What is not released yet is the entry of VERSION, dated SECONDS after the epoch. There is one changelog to write.
FORMAT is debian or rpm. What stands under `### Changed` is shown at an upgrade: news is what Debian shows before it
(NEWS.Debian); rpm-notes and arch-notes are scripts that print what is newer than the version from before.
"""

import datetime
import re
import sys
import textwrap
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple

UNRELEASED = "Unreleased"
NOTHING = ["Nothing new so far."]


class Entry(NamedTuple):
    """One version. The date is None if it is not released yet."""

    version: str
    date: datetime.date | None
    items: list[str]


def entries(text: str, version: str) -> Iterator[Entry]:
    """One for each `## VERSION - DATE`, newest first."""
    for title, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE):
        name, _, date = title.partition(" - ")
        items = [" ".join(item.split()) for item in re.findall(r"^- ((?:.+\n)(?:  .+\n)*)", body, re.MULTILINE)]
        if name == UNRELEASED and not items and f"\n## {version} - " not in text:
            items = NOTHING  # but the package has to have the version
        if items:
            released = datetime.date.fromisoformat(date) if date else None
            yield Entry(version if name == UNRELEASED else name, released, items)


def changes(text: str) -> str:
    """Of each version, only what an administrator has to know at an upgrade."""
    kept = []
    for version in re.split("(?m)^(?=## )", text)[1:]:
        title, *sections = re.split("(?m)^(?=### )", version)
        kept += [title, *(section for section in sections if section.startswith("### Changed\n"))]
    return "".join(kept)


def debian(entry: Entry, maintainer: str, seconds: int) -> str:
    """deb-changelog(5)."""
    when = f"{entry.date:%a, %d %b %Y} 00:00:00 +0000" if entry.date else formatdate(seconds)
    lines = [line for item in entry.items for line in wrapped(item, "  * ")]
    head = f"sockgate ({entry.version}) unstable; urgency=medium"
    return "\n".join([head, "", *lines, "", f" -- {maintainer}  {when}", "", ""])


def rpm(entry: Entry, maintainer: str, seconds: int) -> str:
    """An entry of %changelog. A percent sign would be a macro there."""
    date = entry.date or datetime.datetime.fromtimestamp(seconds, datetime.UTC).date()
    lines = [line.replace("%", "%%") for item in entry.items for line in wrapped(item, "- ")]
    return "\n".join([f"* {date:%a %b %d %Y} {maintainer} - {entry.version}-1", *lines, "", ""])


def rpm_notes(entry: Entry, _maintainer: str, _seconds: int) -> str:
    """A script of the new package that runs once an older one than this has gone: at an upgrade, and only then."""
    text = printed(entry).replace("%", "%%")
    return f"%triggerpostun -- sockgate < {entry.version}\n{text}\n\n"


def arch_notes(entry: Entry, _maintainer: str, _seconds: int) -> str:
    """A part of changes(), which post_upgrade calls with the version from before."""
    return f'[ "$(vercmp "$1" {entry.version})" -ge 0 ] || {printed(entry)}\n'


def printed(entry: Entry) -> str:
    """A command of the shell."""
    lines = [line for item in entry.items for line in wrapped(item, "  * ")]
    return "\n".join(["cat << 'END'", f"What has changed in sockgate {entry.version}:", *lines, "END"])


def wrapped(item: str, bullet: str) -> list[str]:
    indent = " " * len(bullet)
    return textwrap.wrap(item, 78, initial_indent=bullet, subsequent_indent=indent, break_on_hyphens=False)


FORMATS = {"debian": debian, "rpm": rpm}
NOTES = {"news": debian, "rpm-notes": rpm_notes, "arch-notes": arch_notes}

if __name__ == "__main__":
    form, file, version, maintainer, seconds = sys.argv[1:]
    written = Path(file).read_text(encoding="utf-8")
    if form in NOTES:
        found = [entry for entry in entries(changes(written), version) if entry.items != NOTHING]
    else:
        found = list(entries(written, version))
    texts = [(FORMATS | NOTES)[form](entry, maintainer, int(seconds)) for entry in found]
    print("".join(texts).removesuffix("\n"), end="")
