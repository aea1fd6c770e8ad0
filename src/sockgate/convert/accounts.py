"""Accounts of the old configuration as User= and Group= take them."""

import re
from dataclasses import dataclass, replace

from ..host.host import Host
from .outcomes import Answer, blocked, broken, translated

# What systemd takes for a name (user-util.c: valid_user_group_name), stricter in that digits never come first:
# systemd up to 233 ran `User=0day` as root (CVE-2017-1000082).
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}", re.ASCII)
NUMBER = re.compile(r"\d{1,10}", re.ASCII)
LARGEST = 0xFFFFFFFE
# Names that systemd logs a warning about at every load of the unit, not so their numbers.
WARNED_OF = re.compile(r"nobody|.*\..*")


@dataclass(frozen=True, slots=True)
class Account:
    """user and group as User= and Group= take them, "" for root or the user's own; uid is None if unknown."""

    user: str = ""
    group: str = ""
    uid: int | None = None


def named_user(host: Host, name: str) -> tuple[Account, Answer]:
    """The account of this name. One that this machine does not know is written all the same: it fails closed."""
    if not NAME.fullmatch(name):
        return Account(), blocked(f"systemd does not take {name!r} for the name of an account; give its number")
    known = host.user(name)
    if known is None and "." in name:
        return Account(), blocked(unknown_with_dot("user", name))
    if known is None:
        text = (
            f"there is no user {name!r} on this machine: the old program would not have started the service, "
            "and the unit cannot start before there is"
        )
        return Account(name), broken(text, f"User={name}")
    if known.pw_uid == 0:
        return Account(uid=0), translated(text="root is the default")
    if WARNED_OF.fullmatch(name):
        account = Account(str(known.pw_uid), str(known.pw_gid), known.pw_uid)
        return account, translated(f"User={account.user}", f"Group={account.group}")
    return Account(name, uid=known.pw_uid), translated(f"User={name}")


def by_setpriv(answer: Answer) -> Answer:
    """The answer about an account that setpriv changes to: the unit has neither User= nor Group= then."""
    return replace(answer, became=tuple(one for one in answer.became if not one.startswith(("User=", "Group="))))


def unknown_with_dot(kind: str, name: str) -> str:
    return (
        f"there is no {kind} {name!r} on this machine, whose number the unit would have to have, since systemd warns "
        "of names with a dot"
    )


def numbered_user(number: str) -> tuple[Account, Answer]:
    """A user by number, whose group is taken to have the same number, as xinetd and couriertcpd do."""
    if not NUMBER.fullmatch(number) or int(number) > LARGEST:
        return Account(), blocked(f"{number!r} is no user")
    if int(number) == 0:
        return Account(uid=0), translated(text="root is the default")
    account = Account(str(int(number)), str(int(number)), int(number))
    return account, translated(f"User={account.user}", f"Group={account.group}")


def any_group(host: Host, name: str) -> tuple[str, Answer]:
    """Group= for a group by name or number."""
    if NUMBER.fullmatch(name) and int(name) <= LARGEST:
        return str(int(name)), translated(f"Group={int(name)}")
    if not NAME.fullmatch(name):
        return "", blocked(f"systemd does not take {name!r} for the name of a group; give its number")
    known = host.group(name)
    if known and "." in name:
        return str(known.gr_gid), translated(f"Group={known.gr_gid}")
    if known is None and "." in name:
        return "", blocked(unknown_with_dot("group", name))
    if known is None:
        text = (
            f"there is no group {name!r} on this machine: the old program would not have started the service, "
            "and the unit cannot start before there is"
        )
        return name, broken(text, f"Group={name}")
    return name, translated(f"Group={name}")
