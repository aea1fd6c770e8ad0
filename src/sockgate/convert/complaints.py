"""Complaints about services that are not served: into the journal, under the name of the generator."""

import socket
import sys

from ..connection.log import JOURNAL_SOCKET, WARNING, clean, journal_record

NAME = "sockgate-inetd-generator"
KERNEL_LOG = "/dev/kmsg"  # early in the boot journald does not run yet; it reads this log later
LONGEST_LINE = 800  # of the kernel's log, which takes no more than 1,000 or so


def log(message: str) -> None:
    """Write one line to the journal, or to the kernel's log, from which journald reads it later."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.connect(JOURNAL_SOCKET)
            journal.send(journal_record(NAME, "", WARNING, "", message, ()))
    except OSError:
        try:
            with open(KERNEL_LOG, "wb", buffering=0) as kernel:
                kernel.write(f"<{WARNING}>{NAME}: {clean(message)[:LONGEST_LINE]}\n".encode())
        except OSError:
            print(f"{NAME}: {clean(message)}", file=sys.stderr)
