"""The links that change or name the account: setuidgid, envuidgid, su, sudo."""

import re

from ...units.model import Directive
from ..outcomes import Answer, Became, approximated, blocked, broken, translated
from ..shell.assignment import ASSIGNMENT
from .peeling import BadLink, Chain, Result, Stays, first, flags_of

ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


def setuidgid(chain: Chain, words: list[str]) -> Result:
    name, rest = first(words, "the account")
    chain.user, chain.group, chain.keeps_groups = name, "", False
    return rest, [known_account(chain, name, Directive("User", name))]


def su(chain: Chain, words: list[str]) -> Result:
    """su USER. The shell reader has already taken its -c."""
    if chain.behind:
        raise Stays
    name, rest = first(words, "the account")
    chain.user, chain.group, chain.keeps_groups = name, "", True
    text = "su: PAM may have given it limits, a umask and variables (MAIL) of its own"
    return rest, [known_account(chain, name, Directive("User", name)), approximated(text)]


def envuidgid(chain: Chain, words: list[str]) -> Result:
    name, rest = first(words, "the account")
    return rest, [uid_variables(chain, name)]


def uid_variables(chain: Chain, name: str) -> Answer:
    """$UID and $GID, which tcpserver -U reads and hands on."""
    chain.uid_variables = name
    account = chain.host.user(name)
    if account is not None:
        chain.environment |= {"UID": str(account.pw_uid), "GID": str(account.pw_gid)}
    return known_account(chain, name, text=f"$UID and $GID of {name}")


def known_account(chain: Chain, name: str, *became: Became, text: str = "") -> Answer:
    if not ACCOUNT.fullmatch(name):
        return blocked(f"{name!r} is no account")
    if not (name.isascii() and name.isdigit()) and chain.host.user(name) is None:
        return broken(f"there is no user {name!r} on this machine; the unit cannot start before there is", *became)
    account = chain.host.account(name)
    if account is not None and account.pw_uid == 0:
        became = tuple(one for one in became if one != Directive("User", name))
    return translated(*became, text=text or ("root is the default" if not became else ""))


def sudo(chain: Chain, words: list[str]) -> Result:
    """sudo [-u USER] [-g GROUP]"""
    if chain.behind:
        raise Stays
    options, rest = flags_of(words, "ugp", "nEHbikKsS")
    given = dict(options)
    if rest and ASSIGNMENT.match(rest[0]):
        raise BadLink("variables in front of the program are not converted; write env behind sudo")
    chain.user, chain.group = given.get("u", "").removeprefix("#"), given.get("g", "").removeprefix("#")
    chain.keeps_groups = True
    text = "sudoers may take variables away, or add some"
    if not chain.user:
        return rest, [approximated(f"{text}; root is the default")]
    return rest, [known_account(chain, chain.user, Directive("User", chain.user)), approximated(f"sudo: {text}")]
