"""A writer of constant databases (cr.yp.to/cdb). It is our own because Debian 12 has no package of pure-cdb.

The tests read its files with tinycdb and with tcprulescheck.
"""

from array import array
from struct import pack
from typing import BinaryIO

from ..core import ConfigError
from ..core.cdb import HEADER_SIZE, cdb_hash

LARGEST_CDB = (1 << 32) - 1


class CdbWriter:
    """Header, records, 256 hash tables. If several records have the same key, a reader finds the first."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = file.write(bytes(HEADER_SIZE))
        self._slots = [array("Q") for _ in range(256)]  # hash << 32 | position of each record

    def add(self, key: bytes, data: bytes) -> None:
        hashed = cdb_hash(key)
        self._slots[hashed % 256].append(hashed << 32 | self._position)
        self._file.write(pack("<II", len(key), len(data)) + key + data)
        self._position += 8 + len(key) + len(data)

    def finish(self) -> None:
        header = []
        for entries in self._slots:
            table = hash_table(entries)
            header += [self._position, len(table)]
            self._position += 8 * len(table)
            if self._position > LARGEST_CDB:
                raise ConfigError("the rules take more than the 4 GiB of a cdb")
            self._file.write(b"".join(pack("<II", entry >> 32, entry & 0xFFFFFFFF) for entry in table))
        self._file.seek(0)
        self._file.write(pack("<512I", *header))


def hash_table(entries: "array[int]") -> "array[int]":
    """A table with twice as many slots as entries. Each entry is in its own slot or in the next free one."""
    size = 2 * len(entries)
    table = array("Q", bytes(8 * size))
    for entry in entries:
        slot = (entry >> 40) % size
        while table[slot]:
            slot = (slot + 1) % size
        table[slot] = entry
    return table
