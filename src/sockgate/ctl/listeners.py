"""Who listens on which port now, from /proc: what a new socket would have to share it with."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

LISTENING = {"tcp": "0A", "udp": "07"}  # the state of a socket that waits for clients
WILDCARDS = frozenset((b"\0" * 4, b"\0" * 16))
MAPPED_PREFIX = b"\0" * 10 + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that waits for clients: its address in network order, its port, and the number of its inode."""

    address: bytes
    port: int
    inode: str

    def meets(self, address: bytes, port: int) -> bool:
        """Whether a socket bound there would be in its way; an address of all zeros is every address."""
        own, other = unmapped(self.address), unmapped(address)
        return self.port == port and (own == other or not WILDCARDS.isdisjoint((own, other)))

    def owner(self) -> str:
        """The program that holds it, as `NAME (pid N)`; "" if that cannot be found out."""
        for process in filter(str.isdigit, os.listdir("/proc")):
            if f"socket:[{self.inode}]" in descriptors(process):
                return f"{program(process)} (pid {process})"
        return ""


def unmapped(address: bytes) -> bytes:
    return address.removeprefix(MAPPED_PREFIX) if len(address) == 16 else address


def listeners(protocol: str) -> Iterator[Listener]:
    """Of "tcp" or "udp", both families."""
    for path in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        if os.path.exists(path):
            with open(path) as file:
                rows = [line.split() for line in file][1:]
            yield from (listener(row) for row in rows if row[3] == LISTENING[protocol])


def listener(row: list[str]) -> Listener:
    """The kernel prints an address as words of 32 bits in the order of the machine, which is little endian here."""
    words, _, port = row[1].partition(":")
    address = b"".join(bytes.fromhex(word)[::-1] for word in re.findall("........", words))
    return Listener(address, int(port, 16), row[9])


def descriptors(process: str) -> set[str]:
    folder = f"/proc/{process}/fd"
    found = set()
    with contextlib.suppress(OSError):  # it has ended, or is not ours to look at
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"{folder}/{number}"))
    return found


def program(process: str) -> str:
    try:
        with open(f"/proc/{process}/comm") as file:
            return file.read().strip()
    except OSError:
        return "a program"
