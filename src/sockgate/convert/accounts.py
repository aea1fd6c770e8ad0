"""Accounts of the old configuration, in the form of User= and Group=."""

import re
from dataclasses import dataclass, replace

from ..host.host import Host
from ..units.model import Directive
from .outcomes import Answer, blocked, broken, translated

# What systemd takes for a name (user-util.c: valid_user_group_name), stricter in that digits never come first:
# systemd up to 233 ran `User=0day` as root (CVE-2017-1000082).
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}", re.ASCII)
NUMBER = re.compile(r"\d{1,10}", re.ASCII)
LARGEST = 0xFFFFFFFE
# systemd logs a warning about these names at every load of the unit, but not about their numbers.
WARNED_OF = re.compile(r"nobody|.*\..*")


@dataclass(frozen=True, slots=True)
class Account:
    """The values of User= and Group=; "" means root, or the user's own group. `uid` is None if it is unknown."""

    user: str = ""
    group: str = ""
    uid: int | None = None


def named_user(host: Host, name: str) -> tuple[Account, Answer]:
    """The account of this name. An unknown name is written all the same: then the service does not start."""
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
        return Account(name), broken(text, Directive("User", name))
    if known.pw_uid == 0:
        return Account(uid=0), translated(text="root is the default")
    if WARNED_OF.fullmatch(name):
        account = Account(str(known.pw_uid), str(known.pw_gid), known.pw_uid)
        return account, translated(Directive("User", account.user), Directive("Group", account.group))
    return Account(name, uid=known.pw_uid), translated(Directive("User", name))


def with_other_group(answer: Answer) -> Answer:
    """The answer about a user, if the group is given apart."""
    return without(answer, "Group")


def by_setpriv(answer: Answer) -> Answer:
    """The answer about an account to which setpriv changes. The unit then has neither User= nor Group=."""
    return without(answer, "User", "Group")


def without(answer: Answer, *keys: str) -> Answer:
    became = (one for one in answer.became if not (isinstance(one, Directive) and one.key in keys))
    return replace(answer, became=tuple(became))


def unknown_with_dot(kind: str, name: str) -> str:
    return (
        f"there is no {kind} {name!r} on this machine, whose number the unit would have to have, since systemd warns "
        "of names with a dot"
    )


def numbered_user(number: str) -> tuple[Account, Answer]:
    """A user by number. Its group is assumed to have the same number, as xinetd and couriertcpd do."""
    if not NUMBER.fullmatch(number) or int(number) > LARGEST:
        return Account(), blocked(f"{number!r} is no user")
    if int(number) == 0:
        return Account(uid=0), translated(text="root is the default")
    account = Account(str(int(number)), str(int(number)), int(number))
    return account, translated(Directive("User", account.user), Directive("Group", account.group))


def any_group(host: Host, name: str) -> tuple[str, Answer]:
    """The value of Group= for the name or number of a group."""
    if NUMBER.fullmatch(name) and int(name) <= LARGEST:
        return str(int(name)), translated(Directive("Group", str(int(name))))
    if not NAME.fullmatch(name):
        return "", blocked(f"systemd does not take {name!r} for the name of a group; give its number")
    known = host.group(name)
    if known and "." in name:
        return str(known.gr_gid), translated(Directive("Group", known.gr_gid))
    if known is None and "." in name:
        return "", blocked(unknown_with_dot("group", name))
    if known is None:
        text = (
            f"there is no group {name!r} on this machine: the old program would not have started the service, "
            "and the unit cannot start before there is"
        )
        return name, broken(text, Directive("Group", name))
    return name, translated(Directive("Group", name))
