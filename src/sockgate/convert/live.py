"""The services that sockgate serves as this machine's super-server, without a conversion by hand.

They stand in /etc/xinetd.conf and /etc/xinetd.d, in /etc/inetd.conf and in /etc/inetd.d. Of two that want one address
and port, that of xinetd's files is served, as under `xinetd -inetd_compat`: it can say who may come in.
"""

import glob
import os
from collections.abc import Iterator
from dataclasses import replace

from ..atomic_write import link_once, write_atomically
from ..core import ConfigError
from ..host.host import OPENBSD, Host, this_host
from ..units.search import UnitSearch
from . import inetd, xinetd
from .conflicts import MASKED, lines, origin_of, vendor_drop_ins
from .inetd.daemon_options import asked_hosts_allow
from .input_files import is_mounted_early
from .obstacles import SUFFIX, Surroundings
from .outcomes import blocked, entry_of, ignored
from .report import Entry, Outcome, Report
from .result import Conversion, Converted, build
from .service import Service
from .unit_names import UNIT_STEM, make_unique

INETD_FILES = ("etc/inetd.conf", "etc/inetd.d")
HOST_TABLES = ("etc/hosts.allow", "etc/hosts.deny")  # the first rule in them puts a gate before services
FILES = tuple(f"/{name}" for name in (*INETD_FILES, "etc/xinetd.conf", "etc/xinetd.d", *HOST_TABLES))
# Each super-server: its program, the names of its unit, and the name of its init script.
SUPER_SERVERS = (
    ("usr/sbin/xinetd", ("xinetd",), "xinetd"),
    ("usr/sbin/inetd", ("inetd", "openbsd-inetd"), "openbsd-inetd"),
    ("usr/sbin/inetutils-inetd", ("inetutils-inetd",), "inetutils-inetd"),
    ("usr/sbin/rlinetd", ("rlinetd",), "rlinetd"),
)
GENERATOR = "sockgate-inetd-generator"
# The first on this list that has a generator decides (systemd.generator(7)). A link to /dev/null switches it off.
GENERATOR_FOLDERS = ("run/systemd", "etc/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
SERVICE = "sockgate-inetd.service"
LEAVING = "run/sockgate/leaving"  # the names of templates, one in a line
# For sessions that outlive their service: without a unit file, systemd shows one that ends badly as failed for good.
OF_THE_LAST_SESSIONS = """[Unit]
CollectMode=inactive-or-failed

[Service]
ExecStart=/bin/true
"""
UNIT_FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")


def live_host() -> Host:
    """This machine, without its name services: PID 1 waits for a generator, and a name service may wait for PID 1."""
    return replace(this_host(), asks_services=False)


def write_units(root: str, folder: str, host: Host) -> list[str]:
    """Write the units of all services into `folder`. Returns one complaint for each that was refused or left out."""
    conversion = live_services(root, host)
    told = complaints(conversion)
    for one in conversion.converted:
        try:
            write(root, folder, one)
        except ConfigError as error:
            told.append(f"{one.service.place}: {one.service.name}: {error}")
    stand_in(root, folder)
    return told


def write_leaving(root: str, late: str) -> None:
    """Write a template for the sessions that outlived theirs, where any other unit of its name comes first."""
    for name in lines(os.path.join(root, LEAVING)):
        if UNIT_STEM.fullmatch(name.removesuffix("@.service")):
            write_atomically(os.path.join(late, name), OF_THE_LAST_SESSIONS, durable=False)


def stand_in(root: str, folder: str) -> None:
    """Let the init scripts that removed super-servers left behind read our files again.

    update-inetd calls the first script of such a name, and no other (DebianNet.pm 1.13, _wakeup_inetd).
    """
    service = UnitSearch(root).fragment(SERVICE)
    for program, _, script in SUPER_SERVERS if service else ():
        is_left = os.path.exists(os.path.join(root, "etc/init.d", script))
        if is_left and not os.path.exists(os.path.join(root, program)):
            link_once(str(service), os.path.join(folder, f"{script}.service"))


def is_generated(root: str) -> bool:
    """Whether the generator is installed and not switched off. Without it nothing is served."""
    paths = (os.path.join(root, folder, "system-generators", GENERATOR) for folder in GENERATOR_FOLDERS)
    found = next(filter(os.path.lexists, paths), "")
    return bool(found) and os.path.isfile(found) and os.access(found, os.X_OK)


def complaints(conversion: Conversion) -> list[str]:
    """What was refused or left out, and what the old program ignored in a service that is served."""
    served = {service.old_name for service in conversion.services}
    return [
        str(entry)
        for entry in conversion.report.entries
        if entry.outcome is Outcome.REFUSED
        or entry.blocks
        or (entry.outcome is Outcome.IGNORED and entry.service in served)
    ]


def live_services(root: str, host: Host) -> Conversion:
    """The services with their units. None while another super-server is installed and enabled: that one serves them."""
    report = Report()
    if other_super_server(root, host):
        return Conversion((), report)
    services = make_unique(not_converted(root, read(root, host, report)))
    present = (service for service in services if is_installed(service, host, report))
    conversion = build(Surroundings(UnitSearch(root)).place(present, report), report, host)
    report.entries += served_although_off(root, conversion.services)
    return conversion


def inetd_files(root: str) -> list[str]:
    return [path for name in INETD_FILES if os.path.exists(path := os.path.join(root, name))]


def served_although_off(root: str, services: tuple[Service, ...]) -> Iterator[Entry]:
    """Services of xinetd's files whose line update-inetd has switched off.

    xinetd serves them: `-inetd_compat` reads that line as a comment. A package may bring its line switched off, for an
    administrator who writes a file for xinetd.
    """
    files = inetd_files(root)
    served = {
        (one.old_name, listen.kind): one.place
        for one in services for listen in one.listens
        if not {one.place.file, os.path.dirname(one.place.file)} & set(files)
    }  # fmt: skip
    for place, name, kind in inetd.switched_off(files):
        if at := served.get((name, kind)):
            text = f"{at} serves it all the same, as under xinetd; 'disable = yes' there switches it off"
            yield entry_of(name, place, inetd.OFF, ignored(text))


def read(root: str, host: Host, report: Report) -> Iterator[Service]:
    yield from xinetd.read_system(root, host, report, with_inetd=True)
    files = inetd_files(root)
    wraps, compat = asked_hosts_allow(root), xinetd.reads_inetd_conf(root)
    yield from inetd.read(files, replace(host, inetd=OPENBSD, wraps=wraps, compat=compat), report)


def other_super_server(root: str, host: Host) -> bool:
    """Whether another super-server is installed and starts with the machine."""
    return any(
        os.access(os.path.join(root, program), os.X_OK) and is_enabled(root, units, script, host)
        for program, units, script in SUPER_SERVERS
    )


def is_enabled(root: str, units: tuple[str, ...], script: str, host: Host) -> bool:
    """By a unit of its own, or by an init script where there is no such unit: then systemd makes one of it."""
    names = [f"{name}.service" for name in units]
    if any(os.path.lexists(os.path.join(root, folder, name)) for folder in UNIT_FOLDERS for name in names):
        masked = all(os.path.realpath(os.path.join(root, UNIT_FOLDERS[0], name)) == MASKED for name in names)
        return not masked and any(glob.glob(os.path.join(root, UNIT_FOLDERS[0], "*.wants", name)) for name in names)
    return host.runs_init_scripts and bool(glob.glob(os.path.join(root, f"etc/rc[2-5].d/S[0-9][0-9]{script}")))


def not_converted(root: str, services: Iterator[Service]) -> Iterator[Service]:
    """Without what `sockgatectl convert --install` made units of."""
    before = converted_before(root)
    return (service for service in services if (service.place.file, service.name) not in before)


def converted_before(root: str) -> set[tuple[str, str]]:
    """The services that `sockgatectl convert` made units of: old file, and socket name without prefix and suffix."""
    found = set()
    for path in glob.glob(os.path.join(root, "etc/systemd/system/*.socket")):
        place, prefix = origin_of(path)
        if place:
            name = os.path.basename(path).removesuffix(".socket").removeprefix(prefix)
            found |= {(place.rpartition(":")[0], known) for known in (name, name.removesuffix(SUFFIX))}
    return found


def is_installed(service: Service, host: Host, report: Report) -> bool:
    """Whether there is a server. A package that was removed may leave its line or its file behind."""
    server = str(service.command[0])
    if not is_mounted_early(server) or server.startswith(f"{host.programs}/sockgate-builtin"):
        return True
    if host.is_executable(server):
        return True
    answer = blocked(f"{server} is not installed")
    report.entries.append(entry_of(service.old_name, service.place, f"service {service.old_name}", answer))
    return False


def generated_texts(one: Converted) -> Iterator[tuple[str, str]]:
    """The name and the text of each unit as the generator writes it.

    Without [Install], which comes last: by it, the first boot of an image would enable the unit for good
    (machine-id(5)).
    """
    return ((name, text.partition("\n[Install]\n")[0]) for name, text in one.named_texts)


def write(root: str, folder: str, one: Converted) -> None:
    """Write both files, and the link that starts the socket at boot, as xinetd would. Raises ConfigError."""
    for name, text in generated_texts(one):
        write_atomically(os.path.join(folder, name), text, durable=False)
        for drop_in in vendor_drop_ins(root, name):  # made for sockgate's own template, which this unit hides
            link_once(MASKED, os.path.join(folder, drop_in))
    socket_unit = one.socket_unit.name
    link_once(f"../{socket_unit}", os.path.join(folder, "sockets.target.wants", socket_unit))
