"""The options of tcpserver, sslserver and tcpsvd: what each amounts to."""

import os
import re
from dataclasses import dataclass, field

from ..core.gate import DEFAULT_TIMEOUT
from .accounts import Account, any_group, named_user, numbered_user
from .answer import Answer, approximated, blocked, ignored, translated
from .chain import Chain
from .gateoptions import offers
from .machine import Machine
from .shell.tokens import UNKNOWN

WITH_VALUE = {"tcpserver": "cxBbgult", "sslserver": "cxBbgultwTNmyaCPi", "tcpsvd": "cxbgultCi"}
WITHOUT_VALUE = {"tcpserver": "qQvXU1oOdDhHpPrR46si", "sslserver": "qQvXU1oOdDhHpPrRseEsSnnzZ346WjA", "tcpsvd": "vEhp"}
# Options whose value decides neither who gets in nor what the server may do.
HARMLESS = frozenset("cCblt")
DEFAULT_CONCURRENCY = {"tcpserver": 40, "sslserver": 40, "tcpsvd": 30}


@dataclass(slots=True)
class Listener:
    """What tcpserver's own options amount to."""

    machine: Machine
    folder: str
    chain: Chain
    environment: dict[str, str]
    concurrency: int = 40
    per_source: int | None = None
    user: str = ""
    group: str = ""
    use_uid_variables: bool = False
    lookup: bool = True
    ident: bool = True
    paranoid: bool = False
    ident_seconds: str = ""
    local_name: str = ""
    rules: str = ""
    missing_rules_allow: bool = False
    banner: str = ""
    socket: list[tuple[str, str]] = field(default_factory=list)
    ipv6: bool = False


def option(listener: Listener, letter: str, value: str) -> Answer:
    """One option of tcpserver; the last of several counts."""
    if UNKNOWN in value:
        return approximated("the value cannot be known without running the script: the default is taken")
    match letter:
        case "c":
            return concurrency(listener, value)
        case "C":
            return per_source(listener, value)
        case "x":
            listener.rules = value if value.startswith("/") else os.path.normpath(f"{listener.folder}/{value}")
            return translated(f"--rules {listener.rules}")
        case "X":
            listener.missing_rules_allow = True
            return translated(text="with -x: a missing file lets everybody in")
        case "B":
            listener.banner = value
            return translated("--banner", text="the text goes into a file")
        case "b":
            listener.socket.append(("Backlog", value))
            return (
                translated(f"Backlog={value}")
                if value.isascii() and value.isdigit()
                else blocked(f"{value!r} is no number")
            )
        case "D" | "d":
            listener.socket = [pair for pair in listener.socket if pair[0] != "NoDelay"]
            listener.socket += [("NoDelay", "yes")] if letter == "D" else []
            return translated("NoDelay=yes" if letter == "D" else "NoDelay=no")
        case "u" | "g":
            return account(listener, letter, value)
        case "U":
            listener.use_uid_variables = True
            return translated(text="user and group from $UID and $GID")
        case "h" | "H":
            listener.lookup = letter == "h"
        case "r" | "R":
            listener.ident = letter == "r"
        case "p" | "P":
            listener.paranoid = letter == "p"
        case "l":
            listener.local_name = value
            return local_name(listener, value)
        case "t":
            return ident_time(listener, value)
        case "o":
            return approximated("-o keeps IP source routes, which Linux drops unless a sysctl allows them")
        case "4":
            listener.ipv6 = False
        case "6":
            listener.ipv6 = True
        case "1":
            return approximated("-1 prints the port when it listens; systemd listens before anything else starts")
    return translated()


def concurrency(listener: Listener, value: str) -> Answer:
    number = value.partition(":")[0].partition("/")[0]
    if not (number.isascii() and number.isdigit()):
        return blocked(f"{value!r} is no number")
    listener.concurrency = int(number)
    return approximated(
        "above it systemd accepts and closes, where tcpserver let clients wait; sockgated(8) lets them wait",
        f"MaxConnections={int(number)}",
    )


def per_source(listener: Listener, value: str) -> Answer:
    number = value.partition(":")[0]
    if not (number.isascii() and number.isdigit()):
        return blocked(f"{value!r} is no number")
    listener.per_source = int(number)
    return translated(f"MaxConnectionsPerSource={number}")


def account(listener: Listener, letter: str, value: str) -> Answer:
    if letter == "g":
        listener.group, answer = any_group(listener.machine, value)
        return answer
    found, answer = user_of(listener.machine, value)
    listener.user = found.user
    return answer


def user_of(machine: Machine, value: str) -> tuple[Account, Answer]:
    if value.isascii() and value.isdigit():
        found, answer = numbered_user(value)
        return Account(found.user, "", found.uid), answer
    return named_user(machine, value)


def ident_time(listener: Listener, value: str) -> Answer:
    """-t, for -r alone; the gate's own --timeout, which is for all look-ups together, must not end before it."""
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 3600):
        return ignored(f"{value!r} is no number of seconds from 1 to 3600: the gate's own time counts")
    listener.ident_seconds = value
    return translated(text="a time for -r alone")


def local_name(listener: Listener, value: str) -> Answer:
    if value == "0":
        return ignored("-l 0 sets TCPLOCALHOST to '0', to avoid a look-up; it stays unset now")
    if offers("--local-name"):
        return translated(listener.chain.option("--local-name", value))
    listener.chain.environment["TCPLOCALHOST"] = value
    return translated(f"--env TCPLOCALHOST={value}")


def access(listener: Listener, answers: list[tuple[str, Answer]]) -> None:
    """-x and -X. A rules file that is missing refuses everybody, unless -X was given."""
    if listener.rules and listener.missing_rules_allow and not os.path.exists(listener.rules):
        answers.append(("-X", approximated(f"{listener.rules!r} does not exist, and -X lets everybody in then: no "
                                           "rules are asked for. Add --rules when there is a file")))  # fmt: skip
    elif listener.rules:
        if listener.missing_rules_allow:
            answers.append(("-X", approximated("if the file goes missing everybody is refused; tcpserver let "
                                               "everybody in")))  # fmt: skip
        listener.chain.option("--rules", listener.rules)
    if listener.banner:
        answers.append(("-B", blocked("put the text into a file and add '--banner FILE' to the gate; a unit cannot "
                                      "hold it")) if not offers("--banner") else ("-B", banner(listener)))  # fmt: skip


def banner(listener: Listener) -> Answer:
    return approximated("the gate sends files: put the text into one and add '--banner FILE' to ExecStart=")


def has_host_rules(path: str) -> bool:
    """Whether a rules file, source or cdb, has a key with a host name. What cannot be read refuses everybody anyway."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False
    return re.search(rb"(?:^|[\n\0@])=[A-Za-z0-9.]", data) is not None


def ident(listener: Listener) -> list[str]:
    """The options for -r. Without -t tcpserver waits for 26 seconds, which nobody asked for: here it is --timeout."""
    seconds = listener.ident_seconds
    if not seconds:
        return [listener.chain.option("--ident", None)]
    options = [listener.chain.option(f"--ident={seconds}", None)]
    if float(seconds) > float(DEFAULT_TIMEOUT):
        options.append(listener.chain.option("--timeout", seconds))
    return options


def lookups(listener: Listener, answers: list[tuple[str, Answer]]) -> None:
    wanted = (
        ("-h", listener.lookup, "--hostname", "TCPREMOTEHOST"),
        ("-p", listener.paranoid and listener.lookup, "--paranoid", "the check of TCPREMOTEHOST"),
        ("-r", listener.ident, "--ident", "TCPREMOTEINFO"),
    )
    for letter, is_wanted, name, variable in wanted:
        if not is_wanted:
            continue
        if name == "--ident" and offers(name):
            answers.append((letter, translated(*ident(listener))))
        elif offers(name):
            answers.append((letter, translated(listener.chain.option(name, None))))
        elif name == "--hostname" and has_host_rules(listener.rules):
            answers.append((letter, blocked(f"{listener.rules!r} has rules by host name, and none is looked up; "
                                            "write them by address")))  # fmt: skip
        else:
            answers.append((letter, approximated(f"no look-up is made, so there is no {variable}")))
