"""The known links, each with what it becomes: a directive, a gate option, or a link that stays."""

import os
import re

from ...units.model import Directive
from ..input_files import UNKNOWN, Unreadable, read_text
from ..outcomes import Answer, approximated, blocked, translated
from ..shell.assignment import ASSIGNMENT
from .daemon_starter import start_stop_daemon
from .identity import envuidgid, known_account, setuidgid, su, sudo, uid_variables
from .niceness import niceness
from .peeling import BadLink, Chain, Link, Result, Stays, first, flags_of
from .s6_access import s6_tcpserver_access

# softlimit(8) and chpst(8): the limits that each option sets
SOFTLIMITS = {
    "m": ("data", "stack", "memlock", "as"), "a": ("as",), "c": ("core",), "d": ("data",), "f": ("fsize",),
    "l": ("memlock",), "o": ("nofile",), "p": ("nproc",), "r": ("rss",), "s": ("stack",), "t": ("cpu",),
}  # fmt: skip
CHPST_LIMITS = {
    "m": ("data", "stack", "memlock", "as"), "d": ("data",), "o": ("nofile",), "p": ("nproc",), "f": ("fsize",),
    "c": ("core",), "t": ("cpu",), "r": ("rss",),
}  # fmt: skip
OF_BUSYBOX = frozenset(
    ("tcpsvd", "udpsvd", "softlimit", "setuidgid", "envuidgid", "envdir", "env", "nice", "chpst", "setsid")
)
STAYS = "stays in front of the server, and must stay installed"


def tcp_env(chain: Chain, words: list[str]) -> Result:
    """tcp-env [-rR] [-tSECONDS]: what the gate sets for every client."""
    options, rest = flags_of(words, "t", "rR")
    letters = [letter for letter, _ in options]
    chain.needs_gate = True
    became = ["TCP variables of the gate", chain.option("--hostname", None)]
    if [letter for letter in letters if letter in "rR"][-1:] != ["R"]:
        became.append(chain.option("--ident", None))
    return rest, [translated(*became, text="in place of tcp-env")]


def relaycheck(chain: Chain, words: list[str]) -> Result:
    if not words:
        raise BadLink("the list of addresses is missing")
    entries = [entry for entry in words[0].split(",") if entry]
    chain.needs_gate = True
    became = chain.option("--relay", ",".join(entries)) if entries else ""
    exact = [entry for entry in entries if not entry.endswith(".")]
    text = "in place of relaycheck"
    if not entries:
        return words[1:], [translated(text=f"{text}; the list is empty, so no client may relay")]
    if exact:
        text += f"; {exact[0]!r} is that one address now, where relaycheck took it for the beginning of others as well"
        return words[1:], [translated(became, text=text)]
    return words[1:], [translated(became, text=text)]


def softlimit(chain: Chain, words: list[str]) -> Result:
    options, rest = flags_of(words, "acdflmoprst", "")
    if chain.limits_stay:
        return rest, [stays(chain, "softlimit", words[: len(words) - len(rest)])]
    became = [limit for letter, value in options for limit in set_limits(chain, SOFTLIMITS[letter], value)]
    return rest, [translated(*became, text="in place of softlimit")]


def stays(chain: Chain, name: str, options: list[str]) -> Answer:
    """A link that stays in front of the server."""
    chain.keep += [chain.host.program(name, chain.path), *options]
    return translated(" ".join([name, *options]), text=STAYS)


def set_limits(chain: Chain, names: tuple[str, ...], value: str) -> list[str]:
    """Soft limits, not higher than the hard limits. `=` means as high as the hard limit."""
    if UNKNOWN in value:
        raise BadLink("the limit cannot be known without running the script; write its value out")
    if value != "=" and not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise BadLink(f"{value!r} is no limit")
    size = "infinity:" if value == "=" else f"{value}:"
    chain.needs_gate = True  # systemd has no limits that leave the hard one alone
    chain.limits |= dict.fromkeys(names, size)
    return [f"--rlimit {name}={size}" for name in names]


def envdir(chain: Chain, words: list[str]) -> Result:
    folder, rest = first(words, "the folder")
    return rest, [keep_envdir(chain, folder)]


def keep_envdir(chain: Chain, folder: str) -> Answer:
    """envdir stays: it reads its folder at each start, and values in the folder may be secret."""
    path = folder if folder.startswith("/") else os.path.normpath(f"{chain.folder}/{folder}")
    chain.keep += [chain.host.program("envdir", chain.path), path]
    chain.in_folders |= {name: first_line(f"{path}/{name}") for name in names_in(path) if "=" not in name}
    return translated(f"envdir {path}", text=STAYS)


def names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (OSError, ValueError):
        return []


def first_line(path: str) -> str:
    """The value that envdir(8) reads from a file: the first line without blanks at its end."""
    try:
        return read_text(path).partition("\n")[0].rstrip(" \t")
    except Unreadable:
        return UNKNOWN


def env(chain: Chain, words: list[str]) -> Result:
    """env [-i|-] [VAR=VALUE]... The converter knows no other options of env."""
    if chain.behind and words and words[0] in ("-", "-i", "--ignore-environment"):
        raise Stays  # it would also remove the variables of the gate
    at = 0
    kept: list[str] = []
    while at < len(words) and (words[at] in ("-", "-i", "--ignore-environment") or ASSIGNMENT.match(words[at])):
        if ASSIGNMENT.match(words[at]):
            name, _, value = words[at].partition("=")
            if chain.is_told(name):
                kept.append(words[at])
            else:
                chain.environment[name] = value
        else:
            chain.pass_env, chain.environment, chain.cleared = (), {}, True
        at += 1
    if at < len(words) and words[at].startswith("-"):
        raise BadLink(f"the option {words[at]!r} is not known")
    answer = translated(*(f"{name}={value}" for name, value in chain.environment.items()))
    return words[at:], [answer, stays(chain, "env", kept)] if kept else [answer]


def argv0(chain: Chain, words: list[str]) -> Result:
    if len(words) < 2:
        raise BadLink("the program or its name is missing")
    if chain.keep:
        raise Stays  # the name is for the program behind the links that stay
    chain.argv0 = words[1]
    return [words[0], *words[2:]], [translated(f"--argv0 {words[1]}")]


def nice(chain: Chain, words: list[str]) -> Result:
    match = re.fullmatch(r"-(?:n)?(-?\d+)", words[0]) if words else None
    if match:
        number, rest = match[1], words[1:]
    elif words[:1] == ["-n"] and len(words) > 1 and re.fullmatch(r"-?\d+", words[1]):
        number, rest = words[1], words[2:]
    else:
        number, rest = "10", words
    return rest, [niceness(chain, number)]


def chpst(chain: Chain, words: list[str]) -> Result:
    options, rest = flags_of(words, "uUbemdopfcrt/CnlL", "PvV012")
    if chain.behind and any(letter in "012" for letter, _ in options):
        raise Stays  # it closes the client's connection
    answers = [answer for letter, value in options if (answer := chpst_option(chain, letter, value))]
    return rest, answers


def chpst_option(chain: Chain, letter: str, value: str) -> Answer | None:
    shown = f"chpst -{letter} {value}"
    if letter in "uU":
        return chpst_account(chain, letter, value)
    if letter in CHPST_LIMITS and chain.limits_stay:
        return stays(chain, "chpst", [f"-{letter}", value])
    if letter in CHPST_LIMITS:
        return translated(*set_limits(chain, CHPST_LIMITS[letter], value), text="in place of chpst")
    match letter:
        case "e":
            return keep_envdir(chain, value)
        case "n":
            return niceness(chain, value)
        case "/":
            return blocked(f"{shown}: a root directory is not converted; add RootDirectory= by hand")
        case "C":
            chain.folder = os.path.normpath(value if value.startswith("/") else f"{chain.folder}/{value}")
            return translated(Directive("WorkingDirectory", chain.folder))
        case "l" | "L":
            return approximated(f"{shown}: the lock is not taken; systemd has one socket for the port")
        case "b":
            chain.argv0 = value
            return translated(f"--argv0 {value}") if chain.behind else None
    return None  # -P -v -V, and -0 -1 -2 in front of tcpserver: they do not change the server


def chpst_account(chain: Chain, letter: str, value: str) -> Answer:
    name, _, group = value.removeprefix(":").partition(":")
    if ":" in group:
        return blocked(f"chpst -{letter} {value}: several groups are not converted; add SupplementaryGroups= by hand")
    if letter == "U":
        return uid_variables(chain, name)
    chain.user, chain.group, chain.keeps_groups = name, group, False
    return known_account(chain, name, Directive("User", name), *([Directive("Group", group)] if group else []))


def without_effect(chain: Chain, words: list[str]) -> Result:
    """setsid, pgrphack, fghack, nohup: systemd starts every service in a session of its own, and watches all of it."""
    return flags_of(words, "", "cfw")[1], [translated(text="every service is in a session of its own")]


def authbind(chain: Chain, words: list[str]) -> Result:
    """authbind [--deep]: systemd binds the port."""
    if chain.behind:
        raise Stays
    rest = words[1:] if words[:1] == ["--deep"] else words
    return rest, [translated(text="systemd binds the port")]


def busybox(chain: Chain, words: list[str]) -> Result:
    """busybox PROGRAM: the program stands behind it."""
    if chain.behind or not words or words[0] not in OF_BUSYBOX:
        raise Stays
    chain.is_busybox = True
    return words, [translated(text=f"{words[0]} of busybox")]


LINKS: dict[str, Link] = {
    "busybox": busybox,
    "tcp-env": tcp_env,
    "relaycheck": relaycheck,
    "softlimit": softlimit,
    "setuidgid": setuidgid,
    "envuidgid": envuidgid,
    "envdir": envdir,
    "env": env,
    "argv0": argv0,
    "nice": nice,
    "chpst": chpst,
    "setsid": without_effect,
    "pgrphack": without_effect,
    "fghack": without_effect,
    "nohup": without_effect,
    "authbind": authbind,
    "su": su,
    "sudo": sudo,
    "start-stop-daemon": start_stop_daemon,
    "s6-setuidgid": setuidgid,
    "s6-envuidgid": envuidgid,
    "s6-softlimit": softlimit,
    "s6-tcpserver-access": s6_tcpserver_access,
}
# What may stand between xinetd or inetd and the server, and is better done by the gate.
GATE_LINKS = {name: LINKS[name] for name in ("tcp-env", "relaycheck", "softlimit")}
