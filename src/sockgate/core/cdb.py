"""A reader of constant databases."""

import posix

# The C half of `struct`: each further module costs time at every connection.
from _struct import unpack

from . import Cause, ConfigError
from .rule_files import REPLACE_HINT, changed, unreadable

HEADER_SIZE = 2048


def is_cdb(beginning: bytes) -> bool:
    """Whether a file with these first HEADER_SIZE bytes is a cdb. A header has zero bytes, and a text has none."""
    return b"\0" in beginning


class Cdb:
    """A constant database (cr.yp.to/cdb). One look-up takes three short reads, at any size of the file.

    It reads with pread(2). mmap(2) would be as fast, but if the file is cut short under a mapping, SIGBUS kills the
    process. Here a short read is an error, and an error refuses the client.
    """

    __slots__ = ("_descriptor", "_end_of_records", "_status", "_tables", "path")

    def __init__(self, descriptor: int, status: posix.stat_result, path: str) -> None:
        self.path = path
        self._descriptor = descriptor
        self._status = status
        header = self._read(0, HEADER_SIZE)
        self._tables: tuple[int, ...] = unpack("<512I", header)
        starts, slots = self._tables[0::2], self._tables[1::2]
        self._end_of_records = min(starts[i] for i in range(256) if slots[i]) if any(slots) else starts[0]
        # The tables fill the rest of the file without a gap. So a file that is cut at any place is noticed here.
        if self._end_of_records < HEADER_SIZE or self._end_of_records + 8 * sum(slots) != status.st_size:
            raise self._damaged("its size is not what its header says")

    def get(self, key: bytes) -> bytes | None:
        """The data of the first record with this key, or None. Raises ConfigError."""
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
        """Raise ConfigError if the file has changed. Call it after look-ups: their answers then mean nothing."""
        if changed(self._descriptor, self._status):
            raise ConfigError(f"{self.path!r} changed while it was in use", REPLACE_HINT, Cause(file=self.path))

    @property
    def is_empty(self) -> bool:
        return self._end_of_records == HEADER_SIZE

    def __del__(self) -> None:
        posix.close(self._descriptor)  # sockgated drops a gate after it has built the next one

    def _record(self, position: int, key: bytes) -> bytes | None:
        """The data of the record at this position if it has this key."""
        if not HEADER_SIZE <= position <= self._end_of_records - 8:
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
            raise unreadable(self.path, error) from None
        if len(data) != count:
            raise self._damaged("it ends too early")
        return data

    def _damaged(self, reason: str) -> ConfigError:
        return ConfigError(f"{self.path!r} is not a complete cdb: {reason}", "compile it anew", Cause(file=self.path))


def cdb_hash(key: bytes) -> int:
    hashed = 5381
    for byte in key:
        hashed = (hashed * 33 & 0xFFFFFFFF) ^ byte
    return hashed
