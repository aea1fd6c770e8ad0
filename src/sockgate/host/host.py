"""The machine for which units are made. `convert`, `check` and `install` ask it."""

import grp
import os
import pwd
import socket
from dataclasses import dataclass, replace
from functools import cached_property

from ..core import SystemFailure
from ..units.search import UnitSearch
from .accounts import Accounts, is_number
from .identity import Identity, is_allowed
from .systemctl import Properties, processes_in, show, units_like

HOSTS_FILES = ("/etc/hosts.allow", "/etc/hosts.deny")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/command:/var/qmail/bin"
OPENBSD, GNU = "openbsd-inetd", "inetutils-inetd"
INETDS = {"/usr/sbin/inetutils-inetd": GNU, "/usr/sbin/inetd": OPENBSD}  # their paths on Debian
OLDEST_SYSTEMD = 252  # the oldest supported version; later versions understand all that it understands
POLL_LIMIT_SINCE = 255  # the first version with PollLimit*=
NO_INIT_SCRIPTS_SINCE = 260  # its NEWS: systemd-sysv-generator is gone


@dataclass(frozen=True)
class Host:
    """One machine. Facts about it are found out once and kept. `anew` gives the same machine with fresh facts.

    root           the folder of the system
    systemd        the version for which units are written; 0 for the installed one
    programs       the folder of sockgate and sockgated
    control        the folder of sockgatectl
    hosts_files    hosts.allow and hosts.deny
    asks_services  whether to ask name services for hosts and accounts, or only the files in /etc
    asks_network   whether to ask DNS lists if they are still run
    inetd          the installed inetd, OPENBSD or GNU; "" for neither
    wraps          whether inetd was started with -l: then hosts.allow holds for all its services
    compat         whether xinetd read inetd.conf (-inetd_compat): hosts.allow holds for its internal services
    posix_shell    the name of the program behind /bin/sh
    """

    root: str = "/"
    systemd: int = 0
    programs: str = "/usr/sbin"
    control: str = "/usr/bin/sockgatectl"
    hosts_files: tuple[str, ...] = HOSTS_FILES
    asks_services: bool = True
    asks_network: bool = False
    inetd: str = ""
    wraps: bool = False
    compat: bool = False
    posix_shell: str = "dash"

    def anew(self) -> "Host":
        return replace(self)

    # The system and its units

    @cached_property
    def search(self) -> UnitSearch:
        return UnitSearch(self.root, self.systemd)

    @property
    def live(self) -> bool:
        """Whether this is the running system. Only then its processes and ports can be read."""
        return not self.search.root

    @property
    def privileged(self) -> bool:
        return os.geteuid() == 0

    @cached_property
    def running(self) -> bool:
        """Whether systemd runs, so that it can be asked (sd_booted(3))."""
        return self.live and os.path.isdir("/run/systemd/system")

    @cached_property
    def systemd_version(self) -> int:
        """The given version, the one that is installed, or the one that runs."""
        return self.systemd or self.search.systemd_version or running_version()

    @property
    def slows_down(self) -> bool:
        """Whether this systemd has limits for connections that do not stop the socket (PollLimit*=)."""
        return self.systemd_version >= POLL_LIMIT_SINCE

    @property
    def runs_init_scripts(self) -> bool:
        """Whether this systemd makes units of init scripts."""
        return self.systemd_version < NO_INIT_SCRIPTS_SINCE

    def uses(self, unit: str) -> bool:
        """Whether a unit is enabled or running."""
        return self.search.enabled(unit) or (self.live and is_active(unit))

    @cached_property
    def _states(self) -> dict[str, Properties]:
        return {}

    def state(self, unit: str) -> Properties:
        """The properties of a unit from systemd. Empty if systemd does not run. A template has no state."""
        if not self.running or unit.endswith("@.service"):
            return {}
        if unit not in self._states:
            self._states.update(show([unit]))
        return self._states[unit]

    def instances(self, pattern: str, state: str) -> list[str]:
        """The units of this pattern that are in this state."""
        return units_like(pattern, state) if self.running else []

    def left_over(self, unit: str) -> list[str]:
        """The processes of a unit that is no longer active."""
        state = self.state(unit)
        gone = state.get("ActiveState") in ("inactive", "failed")
        return processes_in(state.get("ControlGroup") or f"/system.slice/{unit}") if gone else []

    # Accounts

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.search.root, self.asks_services and self.live)

    def user(self, name: str) -> pwd.struct_passwd | None:
        """The user of this name; None if there is none."""
        return self.accounts.user(name)

    def account(self, text: str) -> pwd.struct_passwd | None:
        """The user of this name or number."""
        return self.accounts.numbered_user(int(text)) if is_number(text) else self.user(text)

    def group(self, name: str) -> grp.struct_group | None:
        """The group of this name; None if there is none."""
        return self.accounts.group(name)

    def group_id(self, text: str) -> int | None:
        """The number of the group of this name or number."""
        found = self.accounts.numbered_group(int(text)) if is_number(text) else self.group(text)
        return found.gr_gid if found else None

    def further_groups(self, user: pwd.struct_passwd) -> list[str]:
        """The numbers of the user's groups without the primary one."""
        return [str(number) for number in self.accounts.groups_of(user)[1:]]

    # Names and files

    def port(self, name: str, protocol: str) -> int | None:
        """The port of services(5) for this name."""
        try:
            return socket.getservbyname(name, protocol)
        except (OSError, UnicodeError, ValueError):
            return None

    def address(self, name: str, family: int) -> str | None:
        """The first address of a host name, which the old program would have used."""
        flags = 0 if self.asks_services else socket.AI_NUMERICHOST
        name = name if self.asks_services else in_hosts_file(name)
        try:
            found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM, 0, flags)
        except (OSError, UnicodeError, ValueError):
            return None
        return str(found[0][4][0]) if found else None

    def is_executable(self, path: str) -> bool:
        try:
            return os.path.isfile(path) and os.access(path, os.X_OK)
        except ValueError:
            return False

    @cached_property
    def _allowed(self) -> dict[tuple[str, int, Identity], bool]:
        return {}

    def is_allowed(self, path: str, mode: int, identity: Identity) -> bool:
        """Whether this user could open (or execute) the file. The services of a user mostly ask for the same files."""
        asked = path, mode, identity
        if asked not in self._allowed:
            self._allowed[asked] = is_allowed(*asked)
        return self._allowed[asked]

    def program(self, name: str, path: str = "") -> str:
        """The path of a program that is named without a path, as a shell with this $PATH would find it."""
        if "/" in name or not name:
            return name
        try:
            return which(name, path or SEARCH_PATH) or f"/usr/bin/{name}"
        except ValueError:  # a NUL
            return f"/usr/bin/{name}"

    @property
    def node_name(self) -> str:
        """The name of this machine, as hostname(1) says it."""
        return os.uname().nodename

    @property
    def has_host_rules(self) -> bool:
        """Whether hosts.allow or hosts.deny holds a rule. A file that cannot be read may hold one."""
        return any(holds_a_rule(path) for path in self.hosts_files)


def which(name: str, path: str = "") -> str | None:
    """The program that this path, or $PATH, leads to. The modules that shutil needs cost the generator 3 ms."""
    places = (os.path.join(folder, name) for folder in (path or os.environ.get("PATH", os.defpath)).split(":"))
    return next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), None)


def is_active(unit: str) -> bool:
    import subprocess  # only here, as in systemctl.py

    return subprocess.run(["systemctl", "--quiet", "is-active", unit], capture_output=True, check=False).returncode == 0


def running_version() -> int:
    import subprocess  # only here, as in systemctl.py

    try:
        text = subprocess.run(["systemctl", "--version"], capture_output=True, check=True, text=True).stdout
        return int(text.split()[1])
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        raise SystemFailure("unable to find out systemd's version", "say --systemd VERSION") from None


def in_hosts_file(name: str) -> str:
    """The address of hosts(5) for a name, or the name itself."""
    try:
        with open("/etc/hosts", encoding="utf-8", errors="replace") as file:
            for line in file:
                address, *names = [*line.partition("#")[0].split(), ""]
                if name in names:
                    return address
    except OSError:
        pass
    return name


def holds_a_rule(path: str) -> bool:
    """A link that leads nowhere may lead to rules later: at boot, what it leads to may not be mounted yet."""
    try:
        with open(path, "rb") as file:
            return any(line.strip() and not line.lstrip().startswith(b"#") for line in file)
    except FileNotFoundError:
        return os.path.islink(path)
    except OSError:
        return True


def this_host(systemd: int = 0) -> Host:
    """The running system, for a conversion. Without systemd, the units are for the oldest supported version."""
    host = Host(
        systemd=systemd,
        programs=os.path.dirname(which("sockgate") or Host.programs + "/sockgate"),
        control=which("sockgatectl") or Host.control,
        posix_shell=os.path.basename(os.path.realpath("/bin/sh")),
    )
    inetd = next((path for path in INETDS if os.path.isfile(path) and not os.path.islink(path)), "")
    host = replace(host, inetd=INETDS.get(inetd, ""),
                   wraps=INETDS.get(inetd) == OPENBSD and "l" in letters_of(inetd))  # fmt: skip
    try:
        return replace(host, systemd=host.systemd_version)
    except SystemFailure:
        return replace(host, systemd=OLDEST_SYSTEMD)


def letters_of(program: str) -> str:
    """The option letters of a running program. "" if it does not run."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{process}/exe") == program:
                with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
                    words = file.read().split("\0")[1:]
                return "".join(word[1:] for word in words if word.startswith("-"))
        except OSError:  # it has ended, or we may not look at it
            continue
    return ""
