"""sockgate-xinetd-generator: units for /etc/xinetd.conf and /etc/xinetd.d at boot and at every daemon-reload.

See systemd.generator(7). Packages that drop a file into /etc/xinetd.d keep working. It does nothing while xinetd
itself is installed and enabled, and leaves out every unit that exists already. What cannot be converted goes to the
journal and costs no other service.
"""

import glob
import os
import socket
import sys
from dataclasses import replace

from .convert.conversion import Conversion, build
from .convert.machine import Machine, this_machine
from .convert.plan import UnitFile
from .convert.report import Outcome, Report
from .convert.xinetd import read_folder_or_file

NAME = "sockgate-xinetd-generator"
JOURNAL = "/run/systemd/journal/socket"
KERNEL_LOG = "/dev/kmsg"  # at boot the journal does not run yet; it reads this later
WARNING = 4
UNIT_FOLDERS = (
    "etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "lib/systemd/system",
    "usr/lib/systemd/system",
)  # fmt: skip
ENABLED = ("etc/systemd/system/*.wants/xinetd.service", "etc/rc[2-5].d/S[0-9][0-9]xinetd")


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(f"usage: {NAME} NORMAL-DIR EARLY-DIR LATE-DIR")
    try:
        for complaint in generate("/", sys.argv[1], replace(this_machine(), asks_services=False)):
            log(complaint)
    except Exception as error:  # a fault of ours must not disturb the boot
        log(f"internal error: {type(error).__name__}: {error}")
        sys.exit(1)


def generate(root: str, folder: str, machine: Machine) -> list[str]:
    """Write units into `folder`; the complaints are what was refused."""
    if xinetd_runs(root):
        return []
    report = Report()
    services = read_folder_or_file(os.path.join(root, "etc/xinetd.conf"), os.path.join(root, "etc/xinetd.d"),
                                   machine, report)  # fmt: skip
    conversion = build(services, report, machine)
    for socket_unit, service_unit in pairs(conversion):
        if not any(exists(root, unit.name) for unit in (socket_unit, service_unit)):
            write(folder, socket_unit, service_unit)
    return [str(entry) for entry in report.entries if entry.outcome is Outcome.REFUSED]


def xinetd_runs(root: str) -> bool:
    """Whether xinetd is installed and enabled: then it serves these files itself."""
    installed = os.access(os.path.join(root, "usr/sbin/xinetd"), os.X_OK)
    return installed and any(glob.glob(os.path.join(root, pattern)) for pattern in ENABLED)


def pairs(conversion: Conversion) -> list[tuple[UnitFile, UnitFile]]:
    return list(zip(conversion.units[::2], conversion.units[1::2], strict=True))


def exists(root: str, name: str) -> bool:
    return any(os.path.lexists(os.path.join(root, folder, name)) for folder in UNIT_FOLDERS)


def write(folder: str, socket_unit: UnitFile, service_unit: UnitFile) -> None:
    """Both files, and the link that starts the socket at boot, as xinetd would have."""
    for unit in (socket_unit, service_unit):
        with open(os.path.join(folder, unit.name), "w", encoding="utf-8") as file:
            file.write(str(unit))
    wants = os.path.join(folder, "sockets.target.wants")
    os.makedirs(wants, exist_ok=True)
    os.symlink(f"../{socket_unit.name}", os.path.join(wants, socket_unit.name))


def log(message: str) -> None:
    """One line in the journal, or in the kernel's log where the journal finds it later."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.connect(JOURNAL)
            journal.send(f"PRIORITY={WARNING}\nSYSLOG_IDENTIFIER={NAME}\nMESSAGE={message}\n".encode())
    except OSError:
        try:
            with open(KERNEL_LOG, "wb", buffering=0) as kernel:
                kernel.write(f"<{WARNING}>{NAME}: {message}\n".encode()[:900])
        except OSError:
            print(f"{NAME}: {message}", file=sys.stderr)


if __name__ == "__main__":
    main()
