"""What is served as the inetd of this machine: the units as they should be, are loaded, and were started last."""

import glob
import json
import os
from collections.abc import Mapping
from typing import NamedTuple

from ..atomic_write import PRIVATE, write_atomically
from ..convert.conflicts import origin_of
from ..convert.result import Conversion
from ..units.writer import format_unit

GENERATED = "/run/systemd/generator"
RECORD = "/run/sockgate/served.json"  # it ends with the boot, as the sockets do


class Served(NamedTuple):
    """One service: the text of its socket, the name of its service unit and that one's text, all without comments."""

    socket: str
    service: str
    text: str

    @property
    def lives_on(self) -> bool:
        """Whether its service, once it runs, has the listening socket itself: a server that waits, or a gate."""
        return not self.service.endswith("@.service")

    @property
    def is_gate(self) -> bool:
        """Whether its service is a resident gate. Its sessions outlive it."""
        return self.lives_on and "/sockgated " in self.text


Services = Mapping[str, Served]  # by the name of the socket


def planned(conversion: Conversion) -> Services:
    """As the files say now."""
    return {
        one.socket_unit.name: Served(
            without_comments(format_unit(one.socket_unit)),
            one.service_unit.name,
            without_comments(format_unit(one.service_unit)),
        )
        for one in conversion.converted
    }


def loaded(folder: str = GENERATED) -> Services:
    """As the generator wrote them at the last reload."""
    found = {}
    for path in glob.glob(f"{folder}/*.socket"):
        if origin_of(path)[0]:
            stem = path.removesuffix(".socket")
            service = f"{stem}@.service" if os.path.exists(f"{stem}@.service") else f"{stem}.service"
            found[os.path.basename(path)] = Served(text_of(path), os.path.basename(service), text_of(service))
    return found


def text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return without_comments(file.read())
    except OSError:
        return ""


def without_comments(text: str) -> str:
    """A line that is put in above moves the others: only the comment that says from where they come changes."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def recorded(path: str = RECORD) -> Services | None:
    """As they were after the last call of `sync`. None if it was not called since the boot."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return {name: Served(*map(str, values)) for name, values in json.load(file).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def record(services: Services, path: str = RECORD) -> None:
    write_atomically(path, json.dumps(dict(services)), PRIVATE, durable=False)
