"""Stores: where rules are kept, and the evaluator that asks them.

A rules file is opened once and judged by what was opened, never by its name or an earlier look at it. Whatever
cannot be read to its end, or changed meanwhile, is an error, and an error refuses.
"""

import posix

# The C half of `struct`: the gate pays for every module at every connection.
from _struct import unpack

from .access import NO_MATCH, Verdict
from .errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .interfaces import Store


FILE_TYPE, REGULAR_FILE = 0o170000, 0o100000  # S_IFMT, S_IFREG
LARGEST_TEXT = 1 << 20  # a text is read at every connection: this one takes 0.1 s
COMPILE_HINT = "compile it: sockgatectl rules compile FILE CDB"
REPLACE_HINT = "replace it as a whole: write another file beside it, then mv"


def evaluate(keys: "Iterable[str]", store: "Store", considered: list[str] | None = None) -> Verdict:
    """The verdict of the first key that the store knows, else NO_MATCH. Raises ConfigError."""
    for key in keys:
        verdict = store.find(key)
        if verdict is not None:
            return verdict
        if considered is not None:
            considered.append(f"{store.name}: no rule for {key!r}" if key else f"{store.name}: no rule for everybody")
    return Verdict(NO_MATCH)


def open_file(path: str) -> tuple[int, posix.stat_result]:
    """A descriptor of a regular file and its status. Raises ConfigError at once for a FIFO, device or directory."""
    try:
        # O_NONBLOCK: opening a FIFO would wait for its writer.
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC | posix.O_NOCTTY)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ConfigError(f"unable to read {path!r}: {getattr(error, 'strerror', None) or error}") from None
    status = posix.fstat(descriptor)
    if status.st_mode & FILE_TYPE != REGULAR_FILE:
        posix.close(descriptor)
        raise ConfigError(f"unable to read {path!r}: not a regular file")
    return descriptor, status


def read_open_file(
    descriptor: int, status: posix.stat_result, path: str, limit: int = LARGEST_TEXT, hint: str = ""
) -> bytes:
    """All of an open file of at most `limit` bytes. Raises ConfigError, also if it changes while it is read."""
    if status.st_size > limit:
        raise ConfigError(f"unable to read {path!r}: {status.st_size} bytes, more than {limit} of text", hint)
    try:
        data = posix.pread(descriptor, limit + 1, 0)
    except OSError as error:
        raise ConfigError(f"unable to read {path!r}: {error.strerror}") from None
    if len(data) != status.st_size or changed(descriptor, status):
        raise ConfigError(f"{path!r} changed while it was read", REPLACE_HINT)
    return data


def read_file(path: str, limit: int = LARGEST_TEXT) -> bytes:
    """All of a regular file. Raises ConfigError."""
    descriptor, status = open_file(path)
    try:
        return read_open_file(descriptor, status, path, limit)
    finally:
        posix.close(descriptor)


def changed(descriptor: int, status: posix.stat_result) -> bool:
    """Whether somebody wrote into the file since `status`. A file that was replaced by rename is unchanged."""
    now = posix.fstat(descriptor)
    return (now.st_size, now.st_mtime_ns) != (status.st_size, status.st_mtime_ns)


def text_lines(data: bytes, path: str) -> list[str]:
    """The lines of a rules text, without their ends, each byte one character (Latin-1 keeps every byte).

    Raises ConfigError for a text that is cut short in its last line or holds a NUL: it is not what was written.
    """
    if not data.strip():
        raise ConfigError(f"{path!r} is empty", "no rules would let everybody in")
    if b"\0" in data:
        raise ConfigError(f"{path!r} is neither text nor a complete cdb: it holds a NUL byte")
    lines = data.decode("latin-1").split("\n")
    if lines.pop():
        raise ConfigError(f"{path}:{len(lines) + 1}: the last line has no end", "the file may have been cut short")
    return lines


class Cdb:
    """A constant database (cr.yp.to/cdb): one look-up costs three short reads, whatever its size.

    By pread(2) and not mmap(2): nothing is loaded either way, but where the file is cut short under a mapping
    the process dies of SIGBUS; here a read comes back short, which is an error, and an error refuses.
    """

    __slots__ = ("_descriptor", "_end_of_records", "_status", "_tables", "path")

    def __init__(self, descriptor: int, status: posix.stat_result, path: str) -> None:
        self.path = path
        self._descriptor = descriptor
        self._status = status
        header = self._read(0, 2048)
        self._tables: tuple[int, ...] = unpack("<512I", header)
        starts, slots = self._tables[0::2], self._tables[1::2]
        self._end_of_records = min(starts[i] for i in range(256) if slots[i]) if any(slots) else starts[0]
        # The tables fill the rest of the file without a gap, so that a file cut anywhere shows it here.
        if self._end_of_records < 2048 or self._end_of_records + 8 * sum(slots) != status.st_size:
            raise self._damaged("its size is not what its header says")

    def get(self, key: bytes) -> bytes | None:
        """The data of the first record with this key, None if there is none. Raises ConfigError."""
        hashed = cdb_hash(key)
        start, slots = self._tables[hashed % 256 * 2 : hashed % 256 * 2 + 2]
        for probe in range(slots):
            slot = (hashed // 256 + probe) % slots
            slot_hash, position = unpack("<II", self._read(start + 8 * slot, 8))
            if not position:
                break
            if slot_hash == hashed:
                data = self._record(position, key)
                if data is not None:
                    return data
        return None

    def require_unchanged(self) -> None:
        """To be asked after look-ups: while somebody writes into the file, "there is none" means nothing."""
        if changed(self._descriptor, self._status):
            raise ConfigError(f"{self.path!r} changed while it was in use", REPLACE_HINT)

    @property
    def is_empty(self) -> bool:
        return self._end_of_records == 2048

    def __del__(self) -> None:
        posix.close(self._descriptor)  # sockgated drops a gate when it has built the next

    def _record(self, position: int, key: bytes) -> bytes | None:
        """The data of the record at this position if it has this key."""
        if not 2048 <= position <= self._end_of_records - 8:
            raise self._damaged("a record lies outside")
        key_length, data_length = unpack("<II", self._read(position, 8))
        if position + 8 + key_length + data_length > self._end_of_records:
            raise self._damaged("a record lies outside")
        if key_length != len(key) or self._read(position + 8, key_length) != key:
            return None
        return self._read(position + 8 + key_length, data_length)

    def _read(self, position: int, count: int) -> bytes:
        try:
            data = posix.pread(self._descriptor, count, position)
        except OSError as error:
            raise ConfigError(f"unable to read {self.path!r}: {error.strerror}") from None
        if len(data) != count:
            raise self._damaged("it ends too early")
        return data

    def _damaged(self, reason: str) -> ConfigError:
        return ConfigError(f"{self.path!r} is not a complete cdb: {reason}", "compile it anew")


def cdb_hash(key: bytes) -> int:
    hashed = 5381
    for byte in key:
        hashed = (hashed * 33 & 0xFFFFFFFF) ^ byte
    return hashed
