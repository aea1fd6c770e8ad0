"""From a text of rules to the cdb that a gate, and tcpserver, can read."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from ..access.tcprules import Action, parse
from ..access.tcprules_access import ABOUT_KEY, ABOUT_VERSION, PART_DENY, PART_LINE, PART_VARIABLE, prefix_lengths
from ..core.errors import ConfigError
from ..core.rule_files import read_file, text_lines
from ..core.verdict import DENY
from .cdbwriter import CdbWriter
from .reader import LARGEST_SOURCE, is_compiled

Progress = Callable[[int, int], None]  # lines done, lines altogether
PROGRESS_STEP = 10000  # rules between two reports of it


class Compiled(NamedTuple):
    """What `compile_rules` made: how many rules, and whether one of them is for everybody else."""

    rules: int
    has_end: bool


def compile_rules(source: str, target: str, progress: Progress | None = None) -> Compiled:
    """Write the cdb of a text of rules, as a whole or not at all. Raises ConfigError."""
    if is_compiled(source):
        raise ConfigError(f"{source!r} is compiled already", "the text comes first: rules compile FILE CDB")
    lines = text_lines(read_file(source, LARGEST_SOURCE), source)
    target = os.path.realpath(target)
    require_replaceable(target)
    with replacement(target, like=target if os.path.exists(target) else source) as file:
        return write_rules(file, lines, source, progress)


def write_rules(file: BinaryIO, lines: list[str], source: str, progress: Progress | None) -> Compiled:
    writer = CdbWriter(file)
    seen: set[str] = set()
    rules = 0
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
        raise ConfigError(f"{source!r} holds no rules", "no rules would let everybody in")
    writer.add(ABOUT_KEY, about(source, prefix_lengths(seen)))
    writer.finish()
    return Compiled(rules, "" in seen)


def about(source: str, lengths: dict[int, frozenset[int]]) -> bytes:
    """What a gate must know of the file before it looks up a peer."""
    ipv4, ipv6 = (",".join(map(str, sorted(lengths[size]))).encode() for size in (4, 16))
    return b"\0".join([ABOUT_VERSION, os.fsencode(os.path.abspath(source)), ipv4, ipv6]) + b"\0"


def encode_action(action: Action, line: int) -> bytes:
    """A rule's data: what tcprules writes, and the line, which tcpserver skips."""
    parts = [PART_DENY] if action.outcome == DENY else []
    parts += [PART_VARIABLE + name + b"=" + (value or b"") for name, value in action.variables.items()]
    return b"\0".join([*parts, b"%s%d" % (PART_LINE, line)]) + b"\0"


def require_replaceable(target: str) -> None:
    """A swapped pair of arguments must not cost the administrator his source."""
    if not os.path.lexists(target):
        return
    if not os.path.isfile(target) or (os.path.getsize(target) and not is_compiled(target)):
        raise ConfigError(f"unable to write {target!r}: it exists and is no compiled rules file", "remove it first")


@contextlib.contextmanager
def replacement(target: str, like: str) -> Iterator[BinaryIO]:
    """A file that takes the place of `target` once it is written and on the disk; nobody ever sees half of it.

    It gets mode and owner of `like`, so that whoever could read the rules still can, and nobody else.
    """
    temporary = f"{target}.{os.getpid()}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                yield file
                file.flush()
                copy_access(os.stat(like), descriptor)
                os.fsync(descriptor)
            os.rename(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
        sync_folder(os.path.dirname(target))
    except OSError as error:
        raise ConfigError(f"unable to write {target!r}: {error.strerror}") from None


def copy_access(wanted: os.stat_result, descriptor: int) -> None:
    if (wanted.st_uid, wanted.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, wanted.st_uid, wanted.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(wanted.st_mode) & 0o666)


def sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
