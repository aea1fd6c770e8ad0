"""sockgate-xinetd-generator: units for /etc/xinetd.conf and /etc/xinetd.d at boot and at every daemon-reload.

See systemd.generator(7). Packages that put a file into /etc/xinetd.d keep working. The generator does nothing while
xinetd itself is installed and enabled. It leaves out what `sockgatectl convert --install` converted, and every unit
that exists already. If a service cannot be converted, the journal says so, and the other services are not affected.
"""

import glob
import os
import socket
import sys
from dataclasses import replace

from .atomic_write import link_once, write_atomically
from .connection.log import JOURNAL_SOCKET, WARNING, clean, journal_record
from .convert.conflicts import MASKED, obstacle, origin_of, vendor_drop_ins
from .convert.report import Outcome, Report
from .convert.result import Converted, build
from .convert.xinetd import read_system
from .core import ConfigError
from .host.host import Host, this_host
from .units.writer import format_unit

NAME = "sockgate-xinetd-generator"
KERNEL_LOG = "/dev/kmsg"  # early in the boot journald does not run yet; it reads this log later
LONGEST_LINE = 800  # of the kernel's log, which takes no more than 1,000 or so
ENABLED = ("etc/systemd/system/*.wants/xinetd.service", "etc/rc[2-5].d/S[0-9][0-9]xinetd")


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(f"usage: {NAME} NORMAL-DIR EARLY-DIR LATE-DIR")
    try:
        for complaint in generate("/", sys.argv[1], this_generator()):
            log(complaint)
    except Exception as error:  # an error in this program must not disturb the boot
        log(f"internal error: {type(error).__name__}: {error}")
        sys.exit(1)


def this_generator() -> Host:
    """This machine, without its name services: PID 1 waits for us, and a name service may wait for PID 1."""
    return replace(this_host(), asks_services=False)


def generate(root: str, folder: str, host: Host) -> list[str]:
    """Write units into `folder`. Returns one complaint for each service that was refused or left out."""
    if xinetd_runs(root):
        return []
    report = Report()
    conversion = build(read_system(root, host, report), report, host)
    complaints = [str(entry) for entry in report.entries if entry.outcome is Outcome.REFUSED or entry.blocks]
    before = converted_before(root)
    for one in conversion.converted:
        service = one.service
        obstacles = [path for path in (obstacle(root, unit.name) for unit in one.units) if path]
        if (service.place.file, service.name) in before:
            continue
        if obstacles:
            complaints.append(f"{service.place}: {service.name}: left to {obstacles[0]}, which exists already")
            continue
        try:
            write(root, folder, one)
        except ConfigError as error:
            complaints.append(f"{service.place}: {service.name}: {error}")
    return complaints


def converted_before(root: str) -> set[tuple[str, str]]:
    """The services that `sockgatectl convert` made units of: old file, and socket name without prefix and suffix."""
    found = set()
    for path in glob.glob(os.path.join(root, "etc/systemd/system/*.socket")):
        place, prefix = origin_of(path)
        if place:
            name = os.path.basename(path).removesuffix(".socket").removeprefix(prefix)
            found.add((place.rpartition(":")[0], name))
    return found


def xinetd_runs(root: str) -> bool:
    """Whether xinetd is installed and enabled. Then xinetd serves these files itself."""
    installed = os.access(os.path.join(root, "usr/sbin/xinetd"), os.X_OK)
    return installed and any(glob.glob(os.path.join(root, pattern)) for pattern in ENABLED)


def write(root: str, folder: str, one: Converted) -> None:
    """Write both files, and the link that starts the socket at boot, as xinetd would. Raises ConfigError."""
    for unit in one.units:
        write_atomically(os.path.join(folder, unit.name), format_unit(unit), durable=False)
        for drop_in in vendor_drop_ins(root, unit.name):  # made for sockgate's own template, which this unit hides
            link_once(MASKED, os.path.join(folder, drop_in))
    socket_unit = one.socket_unit.name
    link_once(f"../{socket_unit}", os.path.join(folder, "sockets.target.wants", socket_unit))


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
