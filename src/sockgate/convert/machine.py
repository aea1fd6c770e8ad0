"""What the converter asks of the machine it runs on: accounts, port names, hosts.allow, the version of systemd."""

import grp
import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

HOSTS_FILES = ("/etc/hosts.allow", "/etc/hosts.deny")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/command:/var/qmail/bin"
OPENBSD, GNU = "openbsd-inetd", "inetutils-inetd"
INETDS = {"/usr/sbin/inetutils-inetd": GNU, "/usr/sbin/inetd": OPENBSD}  # where Debian has them
UNKNOWN_SYSTEMD = 252  # the oldest that is supported: what it understands, every later one does


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the units are for; the old configuration is taken to come from it.

    systemd      the version that the units must suit
    programs     where sockgate and sockgated are installed
    hosts_files  hosts.allow and hosts.deny
    control      where sockgatectl is installed
    asks_services  ask name services for hosts and accounts, or else only the files in /etc: a generator runs while
                 PID 1 waits for it, and nss-systemd would ask PID 1
    inetd        which inetd is installed, OPENBSD or GNU; "" for none of them
    wraps        it was started with -l: hosts.allow holds for all its services
    posix_shell  the name of the program that /bin/sh is
    """

    systemd: int = UNKNOWN_SYSTEMD
    programs: str = "/usr/sbin"
    hosts_files: tuple[str, ...] = HOSTS_FILES
    control: str = "/usr/bin/sockgatectl"
    asks_services: bool = True
    inetd: str = ""
    wraps: bool = False
    posix_shell: str = "dash"

    def user(self, name: str) -> pwd.struct_passwd | None:
        if not self.asks_services:
            return next((account for account in accounts_file() if account.pw_name == name), None)
        try:
            return pwd.getpwnam(name)
        except (KeyError, ValueError, UnicodeError):
            return None

    def account(self, text: str) -> pwd.struct_passwd | None:
        """The account of this name or number."""
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            return self.user(text)
        if not self.asks_services:
            return next((account for account in accounts_file() if account.pw_uid == int(text)), None)
        try:
            return pwd.getpwuid(int(text))
        except (KeyError, OverflowError):
            return None

    def group(self, name: str) -> grp.struct_group | None:
        if not self.asks_services:
            return next((group for group in groups_file() if group.gr_name == name), None)
        try:
            return grp.getgrnam(name)
        except (KeyError, ValueError, UnicodeError):
            return None

    def further_groups(self, user: pwd.struct_passwd) -> list[str]:
        """The groups that the user has beside the primary one, by name."""
        if self.asks_services:
            numbers = os.getgrouplist(user.pw_name, user.pw_gid)
        else:
            numbers = [group.gr_gid for group in groups_file() if user.pw_name in group.gr_mem]
        return [str(number) for number in numbers if number != user.pw_gid]

    def port(self, name: str, protocol: str) -> int | None:
        """The port of services(5) for this name."""
        try:
            return socket.getservbyname(name, protocol)
        except (OSError, UnicodeError, ValueError):
            return None

    def address(self, name: str, family: int) -> str | None:
        """The first address of a host name, as the old program would have taken it."""
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

    def program(self, name: str, path: str = "") -> str:
        """The path of a program that is named without one, as a shell with this $PATH would find it."""
        if "/" in name or not name:
            return name
        try:
            return shutil.which(name, path=path or SEARCH_PATH) or f"/usr/bin/{name}"
        except ValueError:  # a NUL
            return f"/usr/bin/{name}"

    @property
    def has_host_rules(self) -> bool:
        """Whether hosts.allow or hosts.deny holds a rule. What cannot be read may hold one."""
        return any(holds_a_rule(path) for path in self.hosts_files)


def accounts_file() -> Iterator[pwd.struct_passwd]:
    for fields in lines_of("/etc/passwd", 7):
        if (fields[2] + fields[3]).isascii() and fields[2].isdigit() and fields[3].isdigit():
            yield pwd.struct_passwd((*fields[:2], int(fields[2]), int(fields[3]), *fields[4:]))


def groups_file() -> Iterator[grp.struct_group]:
    for fields in lines_of("/etc/group", 4):
        if fields[2].isascii() and fields[2].isdigit():
            yield grp.struct_group((*fields[:2], int(fields[2]), fields[3].split(",")))


def lines_of(path: str, count: int) -> Iterator[list[str]]:
    """The fields of passwd(5) and group(5), of lines that have as many."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.rstrip("\n").split(":")
                if len(fields) == count:
                    yield fields
    except OSError:
        return


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
    inetd = next((path for path in INETDS if os.path.isfile(path) and not os.path.islink(path)), "")
    return Machine(
        int(version[1]) if version else UNKNOWN_SYSTEMD, os.path.dirname(gate), control=control,
        posix_shell=os.path.basename(os.path.realpath("/bin/sh")), inetd=INETDS.get(inetd, ""),
        wraps=INETDS.get(inetd) == OPENBSD and "l" in letters_of(inetd),
    )  # fmt: skip


def letters_of(program: str) -> str:
    """The option letters of a running program; "" if it does not run."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{process}/exe") == program:
                with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
                    words = file.read().split("\0")[1:]
                return "".join(word[1:] for word in words if word.startswith("-"))
        except OSError:  # it has ended, or is not ours to look at
            continue
    return ""
