"""What the converter asks of the machine it runs on: accounts, port names, hosts.allow, the version of systemd."""

import grp
import os
import pwd
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass

HOSTS_FILES = ("/etc/hosts.allow", "/etc/hosts.deny")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/command:/var/qmail/bin"
UNKNOWN_SYSTEMD = 252  # the oldest that is supported: what it understands, every later one does


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the units are for; the old configuration is taken to come from it.

    systemd      the version that the units must suit
    programs     where sockgate and sockgated are installed
    hosts_files  hosts.allow and hosts.deny
    control      where sockgatectl is installed
    resolves_names  ask the network for host names; without it only /etc/hosts (a generator must not wait)
    """

    systemd: int = UNKNOWN_SYSTEMD
    programs: str = "/usr/sbin"
    hosts_files: tuple[str, ...] = HOSTS_FILES
    control: str = "/usr/bin/sockgatectl"
    resolves_names: bool = True

    def user(self, name: str) -> pwd.struct_passwd | None:
        try:
            return pwd.getpwnam(name)
        except (KeyError, ValueError, UnicodeError):
            return None

    def group(self, name: str) -> grp.struct_group | None:
        try:
            return grp.getgrnam(name)
        except (KeyError, ValueError, UnicodeError):
            return None

    def further_groups(self, user: pwd.struct_passwd) -> list[str]:
        """The groups that the user has beside the primary one, by name."""
        return [str(number) for number in os.getgrouplist(user.pw_name, user.pw_gid) if number != user.pw_gid]

    def port(self, name: str, protocol: str) -> int | None:
        """The port of services(5) for this name."""
        try:
            return socket.getservbyname(name, protocol)
        except (OSError, UnicodeError, ValueError):
            return None

    def address(self, name: str, family: int) -> str | None:
        """The first address of a host name, as the old program would have taken it."""
        flags = 0 if self.resolves_names else socket.AI_NUMERICHOST
        name = name if self.resolves_names else in_hosts_file(name)
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

    def program(self, name: str) -> str:
        """The path of a program that is named without one, as a shell would find it."""
        if "/" in name:
            return name
        return shutil.which(name, path=SEARCH_PATH) or f"/usr/bin/{name}"

    @property
    def has_host_rules(self) -> bool:
        """Whether hosts.allow or hosts.deny holds a rule. What cannot be read may hold one."""
        return any(holds_a_rule(path) for path in self.hosts_files)


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
    try:
        with open(path, "rb") as file:
            return any(line.strip() and not line.lstrip().startswith(b"#") for line in file)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def this_machine() -> Machine:
    """With the version of the systemd that is installed here, and where the gate is."""
    try:
        shown = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        shown = ""
    version = re.match(r"systemd (\d+)", shown)
    gate = shutil.which("sockgate") or "/usr/sbin/sockgate"
    control = shutil.which("sockgatectl") or "/usr/bin/sockgatectl"
    return Machine(int(version[1]) if version else UNKNOWN_SYSTEMD, os.path.dirname(gate), control=control)
