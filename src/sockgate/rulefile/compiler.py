"""Compile a text of rules to a cdb that a gate and tcpserver can read."""

import os
import stat
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from ..access.tcprules import Action, parse
from ..access.tcprules_access import (
    ABOUT_KEY,
    ABOUT_VERSION,
    PART_DENY,
    PART_LINE,
    PART_VARIABLE,
    prefix_lengths,
    without_catch_all,
)
from ..atomic_write import FileAccess, Target, located, replacement, unable_to_write
from ..core import DENY, Cause, ConfigError
from ..core.cdb import HEADER_SIZE, is_cdb
from ..core.rule_files import EMPTY_HINT, RuleWarning, open_file, read_open_file, text_lines
from .cdbwriter import CdbWriter
from .reader import LARGEST_SOURCE

Progress = Callable[[int, int], None]  # lines done, lines altogether
# With these flags a FIFO or a device does not block us, and a symbolic link that was put there meanwhile is an error.
OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
PROGRESS_STEP = 10000  # rules between two reports of progress


class Compiled(NamedTuple):
    """What `compile_rules` made: the number of rules, and what an administrator should know of them."""

    rules: int
    warning: RuleWarning | None


def compile_rules(source: str, target: str, progress: Progress | None = None) -> Compiled:
    """Compile the text of rules `source` to the cdb `target`, as a whole or not at all. Raises ConfigError."""
    lines, like = read_source(source)
    try:
        with located(target, follow=True) as place:
            like = status_of_compiled(place, target) or like
            with replacement(place, access_like(like)) as file:
                return write_rules(file, lines, source, progress)
    except (OSError, ValueError) as error:
        raise unable_to_write(target, error) from None


def read_source(path: str) -> tuple[list[str], os.stat_result]:
    """The lines of a text of rules, and the status of the file that they were read from. Raises ConfigError."""
    descriptor, status = open_file(path)
    with open(descriptor, "rb") as file:
        if is_cdb(file.read(HEADER_SIZE)):
            raise ConfigError(f"{path!r} is compiled already", "the text comes first: rules compile FILE CDB")
        return text_lines(read_open_file(descriptor, status, path, LARGEST_SOURCE), path), status


def write_rules(file: BinaryIO, lines: list[str], source: str, progress: Progress | None) -> Compiled:
    writer = CdbWriter(file)
    seen: set[str] = set()
    rules = number = 0
    for number, keys, action in parse(lines, source):
        data = encode_action(action, number)
        for key in keys:
            if key not in seen:
                seen.add(key)
                writer.add(key.encode("latin-1"), data)
        rules += 1
        if progress and rules % PROGRESS_STEP == 0:
            progress(number, len(lines))
    if not rules:
        raise ConfigError(f"{source!r} holds no rules", EMPTY_HINT)
    writer.add(ABOUT_KEY, about(source, prefix_lengths(seen)))
    writer.finish()
    warning = None if "" in seen else without_catch_all(Cause(file=source, line=number))
    return Compiled(rules, warning)


def about(source: str, lengths: dict[int, frozenset[int]]) -> bytes:
    """What a gate must know about the file before it looks up a client."""
    ipv4, ipv6 = (",".join(map(str, sorted(lengths[size]))).encode() for size in (4, 16))
    return b"\0".join([ABOUT_VERSION, os.fsencode(os.path.abspath(source)), ipv4, ipv6]) + b"\0"


def encode_action(action: Action, line: int) -> bytes:
    """The data of a rule: what tcprules writes, and the line number, which tcpserver skips."""
    parts = [PART_DENY] if action.outcome == DENY else []
    parts += [PART_VARIABLE + name + b"=" + (value or b"") for name, value in action.variables.items()]
    return b"\0".join([*parts, b"%s%d" % (PART_LINE, line)]) + b"\0"


def status_of_compiled(place: Target, shown: str) -> os.stat_result | None:
    """The status of the compiled file that will be replaced; None if there is no file of that name.

    Raises ConfigError for every other file: swapped arguments must not cost the administrator the text.
    """
    try:
        descriptor = os.open(place.name, OLD_FILE, dir_fd=place.folder)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        regular = stat.S_ISREG(status.st_mode)
        if not regular or (status.st_size and not is_cdb(os.pread(descriptor, HEADER_SIZE, 0))):
            raise ConfigError(f"unable to write {shown!r}: it exists and is no compiled rules file", "remove it first")
        return status
    finally:
        os.close(descriptor)


def access_like(status: os.stat_result) -> FileAccess:
    """The mode and owner of the old file: the same users as before can read and write the new one."""
    mode = stat.S_IMODE(status.st_mode) & 0o666
    if (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid()):
        return FileAccess(mode)
    return FileAccess(mode, status.st_uid, status.st_gid)
