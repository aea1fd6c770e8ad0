"""Chains of programs that each do one thing and start the next: `softlimit -m 8000000 setuidgid qmaild qmail-smtpd`.

Every link that the units or the gate can stand in for is taken off the front; the first that is none of them is
the server, with whatever stands behind it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .answer import Answer, approximated, blocked, translated
from .gateoptions import offers
from .machine import Machine
from .shell.tokens import UNKNOWN

# softlimit(8) and chpst(8): the limits that each option sets
SOFTLIMITS = {
    "m": ("data", "stack", "memlock", "as"), "a": ("as",), "c": ("core",), "d": ("data",), "f": ("fsize",),
    "l": ("memlock",), "o": ("nofile",), "p": ("nproc",), "r": ("rss",), "s": ("stack",), "t": ("cpu",),
}  # fmt: skip
CHPST_LIMITS = {
    "m": ("data", "stack", "memlock", "as"), "d": ("data",), "o": ("nofile",), "p": ("nproc",), "f": ("fsize",),
    "c": ("core",), "t": ("cpu",), "r": ("rss",),
}  # fmt: skip
ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


@dataclass(slots=True)
class Chain:
    """What the links that were taken off amount to.

    keep  links that stay in front of the server, since they read things when they run (envdir)
    """

    machine: Machine
    folder: str = ""
    user: str = ""
    group: str = ""
    uid_variables: str = ""
    limits: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    pass_env: tuple[str, ...] | None = None
    gate: list[tuple[str, str | None]] = field(default_factory=list)
    directives: list[tuple[str, str]] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    argv0: str = ""
    needs_gate: bool = False

    def option(self, name: str, value: str | None) -> str:
        """A gate option; the text for the report."""
        self.gate.append((name, value))
        return f"{name} {value}" if value is not None else name


class BadLink(Exception):
    """A link whose words do not make sense; the text is the reason."""


Result = tuple[list[str], list[Answer]]
Link = Callable[[Chain, list[str]], Result]


def peel(chain: Chain, words: list[str], links: "dict[str, Link] | None" = None) -> Result:
    """Take off the links that are known: the words that remain, and an answer for each link."""
    known = LINKS if links is None else links
    answers: list[Answer] = []
    while words and words[0].rpartition("/")[2] in known:
        name = words[0].rpartition("/")[2]
        try:
            words, more = known[name](chain, words[1:])
        except BadLink as error:
            return words, [*answers, blocked(f"{name}: {error}")]
        answers += more
    return words, answers


def flags_of(words: list[str], with_value: str, without: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Options as getopt(3) takes them, bundled or apart: ([(letter, value)], remaining words)."""
    options: list[tuple[str, str]] = []
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        word = words[at]
        at += 1
        if word == "--":
            break
        position = 1
        while position < len(word):
            letter = word[position]
            position += 1
            if letter in with_value:
                value = word[position:]
                if not value:
                    if at == len(words):
                        raise BadLink(f"the option -{letter} needs a value")
                    value = words[at]
                    at += 1
                options.append((letter, value))
                break
            if letter not in without:
                raise BadLink(f"the option -{letter} is not known")
            options.append((letter, ""))
    return options, words[at:]


def tcp_env(chain: Chain, words: list[str]) -> Result:
    """tcp-env [-rR] [-tSECONDS]: what the gate sets for every client."""
    options, rest = flags_of(words, "t", "rR")
    letters = [letter for letter, _ in options]
    chain.needs_gate = True
    became = ["TCP variables of the gate"]
    missing = []
    for option, wanted, variable in (
        ("--hostname", True, "TCPREMOTEHOST"),
        ("--ident", [x for x in letters if x in "rR"][-1:] != ["R"], "TCPREMOTEINFO"),
    ):
        if wanted and offers(option):
            became.append(chain.option(option, None))
        elif wanted:
            missing.append(variable)
    if not missing:
        return rest, [translated(*became, text="in place of tcp-env")]
    return rest, [approximated(f"in place of tcp-env, without {' and '.join(missing)}: no look-up is made", *became)]


def relaycheck(chain: Chain, words: list[str]) -> Result:
    if not words:
        raise BadLink("the list of addresses is missing")
    entries = [entry for entry in words[0].split(",") if entry]
    chain.needs_gate = True
    became = chain.option("--relay", ",".join(entries)) if entries else ""
    exact = [entry for entry in entries if not entry.endswith(".")]
    text = "in place of relaycheck"
    if not entries:
        return words[1:], [translated(text=f"{text}; the list is empty, so nobody may relay")]
    if exact:
        text += f"; {exact[0]!r} is that one address now, where relaycheck took it for the beginning of others as well"
        return words[1:], [translated(became, text=text)]
    return words[1:], [translated(became, text=text)]


def softlimit(chain: Chain, words: list[str]) -> Result:
    options, rest = flags_of(words, "acdflmoprst", "hH")
    became = [limit for letter, value in options if value
              for limit in set_limits(chain, SOFTLIMITS[letter], value)]  # fmt: skip
    return rest, [translated(*became, text="in place of softlimit")]


def set_limits(chain: Chain, names: tuple[str, ...], value: str) -> list[str]:
    if value == "=":
        return []
    if UNKNOWN in value:
        raise BadLink("the limit cannot be known without running the script; write its value out")
    if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise BadLink(f"{value!r} is no limit")
    for name in names:
        chain.limits[name] = value
    return [f"limit {name}={value}" for name in names]


def setuidgid(chain: Chain, words: list[str]) -> Result:
    name, rest = first(words, "the account")
    chain.user, chain.group = name, ""
    return rest, [known_account(chain, name, f"User={name}")]


def envuidgid(chain: Chain, words: list[str]) -> Result:
    name, rest = first(words, "the account")
    chain.uid_variables = name
    return rest, [known_account(chain, name, text=f"$UID and $GID of {name}")]


def known_account(chain: Chain, name: str, *became: str, text: str = "") -> Answer:
    if not ACCOUNT.fullmatch(name):
        return blocked(f"{name!r} is no account")
    if not (name.isascii() and name.isdigit()) and chain.machine.user(name) is None:
        return approximated(
            f"there is no user {name!r} on this machine; the unit cannot start before there is", *became
        )
    return translated(*became, text=text)


def first(words: list[str], what: str) -> tuple[str, list[str]]:
    if not words:
        raise BadLink(f"{what} is missing")
    return words[0], words[1:]


def envdir(chain: Chain, words: list[str]) -> Result:
    folder, rest = first(words, "the folder")
    return rest, [keep_envdir(chain, folder)]


def keep_envdir(chain: Chain, folder: str) -> Answer:
    """It reads its folder at each start, and values in it may be secret: it stays."""
    path = folder if folder.startswith("/") else f"{chain.folder}/{folder.removeprefix('./')}"
    chain.keep += [chain.machine.program("envdir"), path]
    return translated(f"envdir {path}", text="stays in front of the server, and must stay installed")


def env(chain: Chain, words: list[str]) -> Result:
    """env [-i|-] [VAR=VALUE]...; of its other options none is known here."""
    at = 0
    while at < len(words) and (words[at] in ("-", "-i", "--ignore-environment") or is_assignment(words[at])):
        if is_assignment(words[at]):
            name, _, value = words[at].partition("=")
            chain.environment[name] = value
        else:
            chain.pass_env, chain.environment = (), {}
        at += 1
    if at < len(words) and words[at].startswith("-"):
        raise BadLink(f"the option {words[at]!r} is not known")
    return words[at:], [translated(*(f"{name}={value}" for name, value in chain.environment.items()))]


def is_assignment(word: str) -> bool:
    return re.match(r"[A-Za-z_][A-Za-z0-9_]*=", word, re.ASCII) is not None


def argv0(chain: Chain, words: list[str]) -> Result:
    if len(words) < 2:
        raise BadLink("the program or its name is missing")
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
    chain.directives.append(("Nice", number))
    return rest, [translated(f"Nice={number}")]


def chpst(chain: Chain, words: list[str]) -> Result:
    options, rest = flags_of(words, "uUe/nlLmdoprfctbC", "PvV012")
    answers: list[Answer] = []
    for letter, value in options:
        if letter in "uU":
            answers.append(chpst_account(chain, letter, value))
        elif letter == "e":
            answers.append(keep_envdir(chain, value))
        elif letter == "n":
            chain.directives.append(("Nice", value))
            answers.append(translated(f"Nice={value}"))
        elif letter == "/":
            answers.append(blocked("chpst -/: a root directory is not converted; add RootDirectory= by hand"))
        elif letter == "b":
            chain.argv0 = value
        elif letter in CHPST_LIMITS:
            answers.append(translated(*set_limits(chain, CHPST_LIMITS[letter], value)))
    return rest, answers


def chpst_account(chain: Chain, letter: str, value: str) -> Answer:
    name, _, group = value.removeprefix(":").partition(":")
    if ":" in group:
        return blocked(f"chpst -{letter} {value}: several groups are not converted; add SupplementaryGroups= by hand")
    if letter == "U":
        chain.uid_variables = name
        return known_account(chain, name)
    chain.user, chain.group = name, group
    return known_account(chain, name, f"User={name}", *([f"Group={group}"] if group else []))


def without_effect(chain: Chain, words: list[str]) -> Result:
    """setsid, pgrphack: systemd starts every service in a session of its own."""
    return words, [translated(text="every service is in a session of its own")]


LINKS: dict[str, Link] = {
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
}
# What may stand between xinetd or inetd and the server, and is better done by the gate.
GATE_LINKS = {name: LINKS[name] for name in ("tcp-env", "relaycheck", "softlimit")}
