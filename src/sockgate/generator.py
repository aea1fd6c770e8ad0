"""sockgate-inetd-generator: units for /etc/xinetd.d and /etc/inetd.conf at boot and at every daemon-reload.

See systemd.generator(7). Packages that put a file into /etc/xinetd.d, or a line into /etc/inetd.conf, keep working
(convert.live). If a service cannot be converted, the journal says so, and the other services are not affected.
"""

import socket
import sys

from .connection.log import JOURNAL_SOCKET, WARNING, clean, journal_record
from .convert.live import live_host, write_leaving, write_units

NAME = "sockgate-inetd-generator"
KERNEL_LOG = "/dev/kmsg"  # early in the boot journald does not run yet; it reads this log later
LONGEST_LINE = 800  # of the kernel's log, which takes no more than 1,000 or so


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(f"usage: {NAME} NORMAL-DIR EARLY-DIR LATE-DIR")
    try:
        for complaint in write_units("/", sys.argv[1], live_host()):
            log(complaint)
        write_leaving("/", sys.argv[3])
    except Exception as error:  # an error in this program must not disturb the boot
        log(f"internal error: {type(error).__name__}: {error}")
        sys.exit(1)


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


if __name__ == "__main__":
    main()
