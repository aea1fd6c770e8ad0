"""Inspections of other programs that are enabled for the same port. At boot, one of the two fails."""

import glob
import os
import re
from collections.abc import Iterator

from ...core import GateError
from ...host.host import Host
from ...host.listening import LISTEN_KEYS, endpoints
from ...host.ports import parse_listen
from ..gated_service import GatedService
from .fault import Fault, switch_off

MAIL = (25, 465, 587)
# The usual ports of services that distributions start at boot. (Their configuration is not read.)
RIVALS = {
    "exim4": MAIL, "postfix": MAIL, "sendmail": MAIL, "opensmtpd": MAIL, "smtpd": MAIL, "courier-mta": (25,),
    "courier-mta-ssl": (465,), "courier-msa": (587,), "courier-imap": (143,), "courier-imap-ssl": (993,),
    "courier-pop": (110,), "courier-pop-ssl": (995,), "dovecot": (110, 143, 993, 995),
    "cyrus-imapd": (110, 143, 993, 995), "rsync": (873,), "ssh": (22,), "sshd": (22,), "vsftpd": (21,),
    "proftpd": (21,), "pure-ftpd": (21,), "tftpd-hpa": (69,),
}  # fmt: skip
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...convert.service import Service

SUPER_SERVERS = ("xinetd", "openbsd-inetd", "inetutils-inetd", "inetd")
FROM_INIT_SCRIPTS = "/run/systemd/generator.late/"  # units that systemd-sysv-generator makes
DAEMON_OR_NAME = re.compile(r"""^(DAEMON|NAME)=["']?([^\s"']*)""", re.MULTILINE)
SYSV_LINK = "/etc/rc[2-5].d/S[0-9][0-9]{}"


def rival_enabled(gated: GatedService, host: Host) -> Iterator[Fault]:
    if gated.socket is None:
        return
    own = [endpoint.port for endpoint, _ in endpoints(gated.socket)]
    for name, ports in RIVALS.items():
        for port in own:
            if port in ports and starts_at_boot(name, host):
                yield Fault(
                    gated.socket, gated.socket.place_of("Socket", "ListenStream"),
                    f"{name}.service is enabled and wants port {port} too: at boot one of the two fails",
                    switch_off(f"{name}.service"),
                )  # fmt: skip
                break


def super_server_enabled(gated: GatedService, host: Host) -> Iterator[Fault]:
    """A super-server that serves the same port. Only on the running system: its files name each other by path."""
    if gated.socket is None or not host.live:
        return
    enabled = [name for name in SUPER_SERVERS if starts_at_boot(name, host)]
    own = [endpoint for endpoint, _ in endpoints(gated.socket)]
    for service in old_services(enabled):
        for listen in service.listens:
            only_ipv6 = service.ipv6_only == "ipv6-only"
            theirs = parse_listen(listen.address, LISTEN_KEYS.get(listen.kind, ""), only_ipv6=only_ipv6)
            if theirs and any(theirs.overlaps(endpoint) for endpoint in own):
                yield Fault(
                    gated.socket, gated.socket.place_of("Socket", "ListenStream"),
                    f"{enabled[0]}.service is enabled and has port {theirs.port} from {service.place}: at boot one of"
                    " the two fails", f"{switch_off(f'{enabled[0]}.service')}; or take it out there",
                )  # fmt: skip


def starts_at_boot(name: str, host: Host) -> bool:
    """Whether the boot starts this service: by its unit, or by an init script of which systemd makes a unit.

    A removed package leaves links to its unit and its init script behind. Those start nothing.
    """
    unit = f"{name}.service"
    file = host.search.fragment(unit)
    if file and not file.startswith(FROM_INIT_SCRIPTS):
        # An alias is another service: sockgate-inetd's own has the names of removed super-servers.
        return os.path.basename(file) == unit and host.search.enabled(unit)
    if host.search.is_masked(unit) or not host.runs_init_scripts:
        return False
    return any(has_program(script, host) for script in glob.glob(host.search.host_path(SYSV_LINK.format(name))))


def has_program(script: str, host: Host) -> bool:
    """Whether the program is there that an init script starts, as far as Debian's variables DAEMON and NAME say it."""
    try:
        with open(script, encoding="utf-8", errors="replace") as file:
            variables = dict(DAEMON_OR_NAME.findall(file.read()))
    except OSError:
        return False
    program = re.sub(r"\$(\{NAME\}|NAME\b)", variables.get("NAME", ""), variables.get("DAEMON", ""))
    is_known = program.startswith("/") and "$" not in program
    return not is_known or os.path.exists(host.search.host_path(program))


def old_services(enabled: list[str]) -> "list[Service]":
    """The services of the super-servers, as far as their files can be read. `sockgatectl convert` reports the rest."""
    if not enabled:
        return []
    from ...convert import inetd, xinetd  # imported only here: a start of a socket would wait twice as long
    from ...convert.report import Report

    reader, report = Host(asks_services=False), Report()
    try:
        if "xinetd" in enabled:
            return xinetd.read_system("/", reader, report)
        return inetd.read(glob.glob("/etc/inetd.conf"), reader, report)
    except GateError:
        return []
