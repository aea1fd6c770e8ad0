"""Users and groups: of the running system from its name services, of a system in a folder from its files.

A generator also reads the files: it runs while PID 1 waits for it, and nss-systemd would ask PID 1.
"""

import grp
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

LARGEST_ID = 0xFFFFFFFE


@dataclass(frozen=True)
class Accounts:
    """The accounts of the system in `root`. asks_services: ask the name services of the running system.

    Its files are read once.
    """

    root: str
    asks_services: bool

    def user(self, name: str) -> pwd.struct_passwd | None:
        """The user of this name; None if there is none."""
        if not self.asks_services:
            return next((user for user in self._users if user.pw_name == name), None)
        try:
            return pwd.getpwnam(name)
        except (KeyError, ValueError, UnicodeError):
            return None

    def numbered_user(self, number: int) -> pwd.struct_passwd | None:
        if not self.asks_services:
            return next((user for user in self._users if user.pw_uid == number), None)
        try:
            return pwd.getpwuid(number)
        except (KeyError, OverflowError):
            return None

    def group(self, name: str) -> grp.struct_group | None:
        """The group of this name; None if there is none."""
        if not self.asks_services:
            return next((group for group in self._groups if group.gr_name == name), None)
        try:
            return grp.getgrnam(name)
        except (KeyError, ValueError, UnicodeError):
            return None

    def numbered_group(self, number: int) -> grp.struct_group | None:
        if not self.asks_services:
            return next((group for group in self._groups if group.gr_gid == number), None)
        try:
            return grp.getgrgid(number)
        except (KeyError, OverflowError):
            return None

    def groups_of(self, user: pwd.struct_passwd) -> list[int]:
        """The numbers of all groups of a user after a log-in, the primary group first."""
        if self.asks_services:
            found = os.getgrouplist(user.pw_name, user.pw_gid)
        else:
            found = [group.gr_gid for group in self._groups if user.pw_name in group.gr_mem]
        return list(dict.fromkeys([user.pw_gid, *found]))

    @cached_property
    def _users(self) -> list[pwd.struct_passwd]:
        return [
            pwd.struct_passwd((*fields[:2], int(fields[2]), int(fields[3]), *fields[4:]))
            for fields in self._lines("/etc/passwd", 7)
            if is_number(fields[2]) and is_number(fields[3])
        ]

    @cached_property
    def _groups(self) -> list[grp.struct_group]:
        return [
            grp.struct_group((*fields[:2], int(fields[2]), fields[3].split(",")))
            for fields in self._lines("/etc/group", 4)
            if is_number(fields[2])
        ]

    def _lines(self, path: str, count: int) -> Iterator[list[str]]:
        """The fields of the lines in passwd(5) or group(5) that have this number of fields."""
        try:
            with open(self.root + path, encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    fields = line.rstrip("\n").split(":")
                    if len(fields) == count:
                        yield fields
        except OSError:
            return


def is_number(text: str) -> bool:
    """Whether this is the number of a user or a group."""
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= LARGEST_ID
