"""Print debian/changelog, made from CHANGELOG.md: `changelog.py CHANGELOG VERSION MAINTAINER SECONDS`.

What is not released yet is the entry of VERSION, dated SECONDS after the epoch. There is one changelog to write.
"""

import datetime
import re
import sys
import textwrap
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

UNRELEASED = "Unreleased"


def entries(text: str, version: str, maintainer: str, seconds: int) -> Iterator[str]:
    """One for each `## VERSION - DATE`, newest first."""
    for title, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE):
        name, _, date = title.partition(" - ")
        items = [" ".join(item.split()) for item in re.findall(r"^- ((?:.+\n)(?:  .+\n)*)", body, re.MULTILINE)]
        if name == UNRELEASED and not items and f"\n## {version} - " not in text:
            items = ["Nothing new so far."]  # but the package has to have the version
        if items:
            lines = [line for item in items for line in wrapped(item)]
            head = f"sockgate ({version if name == UNRELEASED else name}) unstable; urgency=medium"
            when = f"{datetime.date.fromisoformat(date):%a, %d %b %Y} 00:00:00 +0000" if date else formatdate(seconds)
            yield "\n".join([head, "", *lines, "", f" -- {maintainer}  {when}", ""])


def wrapped(item: str) -> list[str]:
    return textwrap.wrap(item, 78, initial_indent="  * ", subsequent_indent="    ", break_on_hyphens=False)


if __name__ == "__main__":
    file, version, maintainer, seconds = sys.argv[1:]
    print("\n".join(entries(Path(file).read_text(encoding="utf-8"), version, maintainer, int(seconds))), end="")
