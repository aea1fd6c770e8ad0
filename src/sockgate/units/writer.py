"""Unit files from a model: sections of settings, each with the comment that says where it comes from."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.errors import ConfigError
from .quoting import BLANKS, quote_word

SECTION = re.compile(r"[A-Za-z0-9-]+\Z")
KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
# Would end or continue the line, or be cut off.
UNWRITABLE = re.compile(r"[\x00\n\r]|\\\Z|\A[ \t]|[ \t]\Z")

COMMENT_END = re.compile(r"[\x00\n\r]")


class Setting(NamedTuple):
    """One `Key=value`. The value is what stands in the file: see `literal`, `quote_words` and `format_command`."""

    key: str
    value: str
    comment: str = ""


class Section(NamedTuple):
    """One section; what belongs together stands together, systemd does not care about the order."""

    name: str
    settings: Sequence[Setting]


def format_unit(sections: Iterable[Section], header: str = "") -> str:
    """The text of a unit file. Raises ConfigError for what would be read back as something else."""
    blocks = [format_section(section) for section in sections if section.settings]
    return "\n".join([format_comment(header)] * bool(header) + blocks)


def format_section(section: Section) -> str:
    if not SECTION.match(section.name):
        raise ConfigError(f"{section.name!r} is not the name of a section")
    return f"[{section.name}]\n" + "".join(map(format_setting, section.settings))


def format_setting(setting: Setting) -> str:
    if not KEY.match(setting.key):
        raise ConfigError(f"{setting.key!r} is not the name of a setting")
    if UNWRITABLE.search(setting.value):
        raise ConfigError(f"{setting.key}={setting.value!r} cannot stand in a unit file")
    return format_comment(setting.comment) + f"{setting.key}={setting.value}\n"


def format_comment(text: str) -> str:
    return "".join(f"# {line.strip(BLANKS)}\n" for line in COMMENT_END.split(text) if line.strip(BLANKS))


def literal(text: str) -> str:
    """A value that is taken as it is (Description=, ListenStream=, a path): `%` starts a specifier no more."""
    return text.replace("%", "%%")


def assignment(name: str, value: str) -> str:
    """One variable for Environment=."""
    return quote_word(f"{name}={value}")
