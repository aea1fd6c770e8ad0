"""s6-tcpserver-access behind s6-tcpserver: its look-ups and its rules (s6-accessrules-cdb-from-fs(8))."""

import os
import stat
from collections.abc import Iterator

from ...core import GateError
from ...core.numbers import natural
from ...rulefile.reader import records
from ..input_files import Unreadable, read_text
from ..networks import network_of
from ..outcomes import Answer, approximated, blocked, translated
from ..rules_text import quoted_variable
from .peeling import BadLink, Chain, Result, Stays, flags_of

Action = tuple[bool, dict[str, str | None]]  # whether clients come in, and what env/ changes
ADDRESSES = {"ip4": 4, "ip6": 6}
NAMES, ANY_NAME = "reversedns", "@"
SHORT = 2  # bytes of a length in the cdb
LEAST_SECONDS, MOST_SECONDS = 0.1, 3600


class NoEqual(Exception):
    """A rule that no rule of tcprules can express. The text says which and why."""


def s6_tcpserver_access(chain: Chain, words: list[str]) -> Result:
    if not chain.behind:
        raise Stays
    options, rest = flags_of(words, "vlBtix", "WwDdHhRrPp")
    given = dict(options)
    letters = [letter for letter, _ in options]
    if not rest:
        raise BadLink("the program is missing")
    if "i" in given and "x" in given:
        raise BadLink("-i and -x together")
    chain.needs_gate = True
    names = last_of(letters, "hH") != "H"
    answers = [*look_ups(chain, letters, given, names=names), *further(chain, letters, given)]
    for letter in "ix":
        if letter in given:
            answers.append(rules(chain, letter, given[letter], names=names))
    return rest, answers


def last_of(letters: list[str], choices: str) -> str:
    return next((letter for letter in reversed(letters) if letter in choices), "")


def look_ups(chain: Chain, letters: list[str], given: dict[str, str], *, names: bool) -> Iterator[Answer]:
    if names:
        text = "-h: if the look-up fails, the gate goes on without a name, where some versions drop the client"
        yield approximated(text, chain.option("--hostname", None))
    if last_of(letters, "pP") == "p" and names:
        yield blocked("-p drops a client whose name does not lead back to it, and the gate only forgets the name")
    if last_of(letters, "rR") == "r":
        yield translated(chain.option("--ident", None))
    if "l" in given:
        yield translated(chain.option("--local-name", given["l"]))
    elif names:
        yield approximated("it looked up the machine's own name for TCPLOCALHOST; none is now: add --local-name NAME")


def further(chain: Chain, letters: list[str], given: dict[str, str]) -> Iterator[Answer]:
    if given.get("B"):
        yield translated(chain.option("--banner-text", given["B"]))
    if last_of(letters, "dD") == "D":
        yield translated(chain.socket.set("NoDelay", "yes"))
    if "t" in given and given["t"] != "0":
        yield within(chain, given["t"])


def within(chain: Chain, milliseconds: str) -> Answer:
    """-t: for all look-ups together. It drops the client then; the gate goes on without what it has not learned."""
    seconds = (natural(milliseconds) or 0) / 1000
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        return blocked(f"-t {milliseconds}: only {LEAST_SECONDS} to {MOST_SECONDS} seconds can be said to the gate")
    option = chain.option("--timeout", f"{seconds:g}")
    return approximated(
        "after -t the gate goes on without what it has not learned; before, the client was dropped", option
    )


def rules(chain: Chain, letter: str, value: str, *, names: bool) -> Answer:
    """-i and -x: as rules of tcprules in a file of the unit."""
    path = value if value.startswith("/") else os.path.normpath(f"{chain.folder}/{value}")
    try:
        found = of_folder(path) if letter == "i" else of_cdb(path)
        chain.rules_text = tuple(written(found, names=names))
    except NoEqual as error:
        return blocked(f"-{letter} {path}: {error}")
    text = f"-{letter} {path}: its rules are in a file of the unit now: change them there"
    return approximated(text, "--rules")


def of_folder(path: str) -> dict[str, Action]:
    """{kind/key: action}. Raises NoEqual."""
    found = {}
    try:
        if not os.path.isdir(path):
            raise NoEqual("it is no folder")
        for kind in (*ADDRESSES, NAMES):
            folder = f"{path}/{kind}"
            for key in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                action = action_of(f"{folder}/{key}")
                if action:
                    found[f"{kind}/{key}"] = action
    except (OSError, ValueError) as error:
        raise NoEqual(f"unable to read it: {getattr(error, 'strerror', '') or error}") from None
    return found


def action_of(folder: str) -> Action | None:
    """What a rule's folder says; None if it decides nothing, and a wider rule does."""
    if not is_allow(f"{folder}/allow"):
        return (False, {}) if os.path.lexists(f"{folder}/deny") else None
    if os.path.exists(f"{folder}/exec") and os.path.getsize(f"{folder}/exec"):
        raise NoEqual(f"{folder}/exec starts another program, and no rule does")
    env = f"{folder}/env"
    names = sorted(os.listdir(env)) if os.path.isdir(env) else []
    return True, {name: value_in(f"{env}/{name}") for name in names}


def is_allow(path: str) -> bool:
    """Whether s6 takes it for an allow: its user can read it (access(2)). Raises NoEqual if that is not clear."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):  # or a link that leads nowhere
        return False
    if not mode & stat.S_IROTH:
        raise NoEqual(f"{path} is an allow only if s6-tcpserver-access can read it, and not everyone can")
    return True


def value_in(path: str) -> str | None:
    """The value that s6-envdir takes from a file; None for an empty file, which takes the variable away."""
    try:
        text = read_text(path)
    except Unreadable as error:
        raise NoEqual(f"unable to read {path!r}: {error}") from None
    return text.partition("\n")[0].rstrip(" \t").replace("\0", "\n") if text else None


def of_cdb(path: str) -> dict[str, Action]:
    """The same of a file that s6-accessrules-cdb-from-fs made. Raises NoEqual."""
    try:
        pairs = [(os.fsdecode(key), data) for key, data in records(path)]
    except (GateError, OSError, ValueError) as error:
        raise NoEqual(f"unable to read it: {error}") from None
    return {key: stored(key, data) for key, data in pairs if key.partition("/")[0] in (*ADDRESSES, NAMES)}


def stored(key: str, data: bytes) -> Action:
    """A record: D, or A with two texts, each behind its length: what env changes, and a program to start."""
    if data[:1] == b"D":
        return False, {}
    if data[:1] != b"A":
        raise NoEqual(f"{key}: it is no record of s6-accessrules-cdb-from-fs")
    changed, started = texts_of(key, data[1:])
    if started:
        raise NoEqual(f"{key} starts another program, and no rule does")
    changes = [os.fsdecode(word).partition("=") for word in changed.split(b"\0") if word]
    return True, {name: value if equals else None for name, equals, value in changes}


def texts_of(key: str, data: bytes) -> tuple[bytes, bytes]:
    """Two texts, each behind its length."""
    end = SHORT + int.from_bytes(data[:SHORT], "big")
    length = int.from_bytes(data[end : end + SHORT], "big")
    if len(data) != end + SHORT + length:
        raise NoEqual(f"{key}: it is no record of s6-accessrules-cdb-from-fs")
    return data[SHORT:end], data[end + SHORT :]


def written(found: dict[str, Action], *, names: bool) -> Iterator[str]:
    """The rules. A client that matches none is refused. Raises NoEqual."""
    networks = any(key.partition("/")[0] in ADDRESSES and not is_one_address(key) for key in found)
    if networks and names and any(key.startswith(NAMES) and key != f"{NAMES}/{ANY_NAME}" for key in found):
        raise NoEqual(
            "it has networks and host names: s6-tcpserver-access asks the networks first, and the gate the names"
        )
    for key, (allows, changes) in found.items():
        text = ",".join(["allow", *(variable(key, *change) for change in changes.items())]) if allows else "deny"
        yield from (f"{address}:{text}" for address in addresses_of(key, names=names))
    yield ":deny"


def is_one_address(key: str) -> bool:
    return key.endswith("_32") if key.startswith("ip4/") else key.endswith("_128")


def variable(key: str, name: str, value: str | None) -> str:
    if value is None:
        raise NoEqual(f"{key}: env takes {name!r} away, and no rule does")
    word = quoted_variable(name, value)
    if not word:
        raise NoEqual(f"{key}: env sets {name!r} to what no rule can hold")
    return word


def addresses_of(key: str, *, names: bool) -> list[str]:
    """The addresses of the rules for a key. A key that no client can have gives none."""
    kind, _, text = key.partition("/")
    if kind == NAMES:
        if not names:
            return []
        return ["="] if text == ANY_NAME else [f"={text.lower()}", f"=.{text.lower()}"]
    address, _, length = text.rpartition("_")
    try:
        network = network_of(f"{address}/{length}")
    except ValueError:
        return []  # with bits behind the mask: s6 never asks for such a key
    if network.version != ADDRESSES[kind] or str(network.network_address) != address:
        return []
    return [address if network.prefixlen == network.max_prefixlen else str(network)]
