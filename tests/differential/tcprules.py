"""Rules and clients made up at random, and what the real tcprules and tcprulescheck say of them."""

import random
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sockgate.access.tcprules import address_keys, parse
from sockgate.access.tcprules_access import RulesAccess
from sockgate.core import DENY, ConfigError
from sockgate.rulefile.compiler import compile_rules
from sockgate.rulefile.reader import records
from tests.access.naive_rules import NaivePeer
from tests.core.clients import client

CLIENTS_PER_FILE = 25

# What a client with an IPv4 address, a clean host name and a clean user name is looked up by.
OCTET = "(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
ADDRESS, LABEL = rf"{OCTET}(?:\.{OCTET}){{3}}", "[a-z0-9_-]+"
HOST = rf"(?:{LABEL}\.)*(?![0-9]+$){LABEL}"
LIVE_KEY = re.compile(
    rf"{ADDRESS}|(?:{OCTET}\.){{1,3}}|=|={HOST}|=\.{HOST}|[!-9;-~]*@{ADDRESS}|[!-9;-~]*@={HOST}|".encode()
)
NAME = re.compile(b"[A-Za-z_][A-Za-z0-9_]*")

# Why a line that tcprules compiles is an error here: the table of sockgate-rules(5), "DIFFERENCES".
NOTHING = "it compiles to nothing: no colon, or a range that ends before it starts"
DEAD = "no client has such a key"
MISREAD = "a number of its range is empty, above 255, or starts with 0"
VARIABLE = "a variable's name or quote is none"
# Why a line that compiles here is an error for tcprules, or compiles to something else.
COLON = "its address has a colon: IPv6, or info"
CIDR = "a network in CIDR form, which here matches"
REASONS = (NOTHING, DEAD, MISREAD, VARIABLE, COLON, CIDR)


PlainRule = tuple[bytes, bool, dict[bytes, bytes]]  # key, whether it refuses, variables


@dataclass(frozen=True)
class Answer:
    """The rule that decided (None: none did), the verdict, and the variables of a client that is let in."""

    key: str | None
    verdict: str
    variables: dict[str, str]


def oracle(cdb: Path, peer: NaivePeer) -> Answer:
    """What tcprulescheck says."""
    known = {"TCPREMOTEIP": peer.ip, "TCPREMOTEHOST": peer.host, "TCPREMOTEINFO": peer.info}
    environment = {name: value for name, value in known.items() if value is not None}
    said = subprocess.run(["tcprulescheck", str(cdb)], env=environment, capture_output=True, text=True, check=True)
    lines = said.stdout.splitlines()
    key = lines[0].removeprefix("rule ")[:-1] if lines[0].startswith("rule ") else None
    variables = dict(line.removeprefix("set environment variable ").split("=", 1) for line in lines[1:-1])
    return Answer(key, lines[-1].partition(" ")[0], variables)


def ours(rules: RulesAccess, peer: NaivePeer, expected: str | None) -> Answer:
    """What we say. A rule that is a range stands for the `expected` key, if that is one of its keys."""
    verdict = rules.decide(client(peer.ip, peer.host, peer.info))
    key = re.split(":(?:allow|deny)", verdict.cause.text)[0] if verdict.cause else None
    if key is not None and expected in address_keys(key):
        key = expected
    variables = {name.decode(): (value or b"").decode() for name, value in verdict.variables.items()}
    return Answer(key, "deny" if verdict.outcome == "deny" else "allow", variables)


class Maker:
    """Rules and clients that meet often: few octets, names and users, each near the others."""

    octets = ("1", "2", "10", "12", "21", "0", "255")
    hosts = ("a.example.com", "b.a.example.com", "example.com", "com", "mail.example.org", "x-1.org")
    infos = ("joe", "", "root", "a@b")

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 # to be repeated, not to be secret

    def ip(self) -> str:
        return ".".join(self._random.choices(self.octets, k=4))

    def peer(self) -> NaivePeer:
        host = self._random.choice((None, *self.hosts))
        return NaivePeer(self.ip(), host, self._random.choice((None, *self.infos)))

    def file(self) -> list[str]:
        """Up to 20 rules of tcprules' own language, without the errors that it overlooks."""
        rules = [f"{self.address()}:{self.action()}" for _ in range(self._random.randrange(20))]
        self._random.shuffle(rules)
        catch_all = self._random.choice(([], [":allow"], [":deny"], [f":{self.action()}"]))
        at = self._random.choice((len(rules), self._random.randint(0, len(rules))))
        return [*rules[:at], *catch_all, *rules[at:]]

    def address(self) -> str:
        choose, ip = self._random.choice, self.ip()
        prefix = ".".join(ip.split(".")[: self._random.randint(1, 3)]) + "."
        low, high = sorted((self._random.randrange(30), self._random.randrange(30)))
        at_random = ip.split(".")
        at_random[self._random.randrange(4)] = f"{low}-{high}"
        range_prefix = f"{prefix}{low}-{high}." if prefix.count(".") < 3 else f"{low}-{high}."
        host = choose(self.hosts)
        forms = (
            ip,
            prefix,
            ".".join(at_random),
            range_prefix,
            f"={host}",
            f"=.{choose(('com', 'example.com', 'org'))}",
        )
        rare = ("=", "", f"{choose(self.infos)}@{ip}", f"{choose(self.infos)}@={host}")
        return choose(forms if self._random.random() < 0.8 else rare)

    def action(self) -> str:
        names = self._random.choices(
            ("RELAYCLIENT", "RBLSMTPD", "A", "DATABYTES", "DIEMSG"), k=self._random.randrange(4)
        )
        words = [self._random.choice(("allow", "allow", "deny"))]
        for name in names:
            quote = self._random.choice("\"'/|!")
            value = self._random.choice(("", "1", "a b", "a,b", "x=y", "-no", '"', "'", "/x/"))
            words.append(f"{name}={quote}{value.replace(quote, '')}{quote}")
        return ",".join(words)

    def line(self) -> str:
        """One line with a mistake in it, more often than not."""
        line = f"{self.address()}:{self.action()}"
        for _ in range(self._random.randrange(3)):
            at = self._random.randrange(len(line) + 1)
            insert = self._random.choice(("", *"0123456789..--==@:::,, \"'/*Aab"))
            line = line[:at] + insert + line[at + self._random.randrange(2) :]
        odd = (
            "10.1.0.0/16:deny", "1.2.3.4/24:deny", "10.1:allow", "=A.example.com:deny", self.ip(), "1.9-2.:deny",
            "1.2.3.4-300:deny", "1.2.3.-9:allow", "::1:deny", "a:b@1.2.3.4:allow",
        )  # fmt: skip
        return self._random.choice(odd) if self._random.random() < 0.05 else line


def compile_really(folder: Path, text: str) -> Path | None:
    """The cdb of the real tcprules; None if it refuses."""
    cdb = folder / "real.cdb"
    done = subprocess.run(["tcprules", cdb, folder / "real.tmp"], input=text.encode(), capture_output=True)
    return None if done.returncode else cdb


def compare_verdicts(maker: Maker, folder: Path, pairs: int) -> list[str]:
    """Differences between tcprulescheck and every way in which we read the same rules."""
    differences = []
    for _ in range(-(-pairs // CLIENTS_PER_FILE)):
        rules = maker.file()
        real = compile_really(folder, "".join(f"{rule}\n" for rule in rules))
        assert real is not None, rules
        readings = read_in_all_ways(folder, rules, real)
        for _ in range(CLIENTS_PER_FILE):
            peer = maker.peer()
            expected = oracle(real, peer)
            answers = {name: ours(reading, peer, expected.key) for name, reading in readings.items()}
            if (folder / "ours.cdb").exists():
                answers["tcprulescheck on our cdb"] = oracle(folder / "ours.cdb", peer)
            differences += [
                f"{name}: {rules} {peer}: {answer} instead of {expected}"
                for name, answer in answers.items()
                if answer != expected
            ]
    return differences


def read_in_all_ways(folder: Path, rules: list[str], real: Path) -> dict[str, RulesAccess]:
    """The cdb of tcprules, ours, and the text, each as far as it holds any rules."""
    text, cdb = folder / "text", folder / "ours.cdb"
    cdb.unlink(missing_ok=True)
    readings = {}
    if rules:
        text.write_text("".join(f"{rule}\n" for rule in rules))
        compile_rules(str(text), str(cdb))
        readings = {"tcprules' cdb": RulesAccess(str(real)), "our cdb": RulesAccess(str(cdb))}
        readings["text"] = RulesAccess(str(text))
    return readings


def compare_lines(maker: Maker, folder: Path, lines: int) -> tuple[list[str], Counter[str]]:
    """Differences in what is accepted and what it compiles to; and how often each explained one was met."""
    differences: list[str] = []
    explained: Counter[str] = Counter()
    for _ in range(lines):
        line = maker.line()
        if line.startswith("#") or not line.strip():
            continue
        real, rules = compile_really(folder, line + "\n"), our_rules(line)
        theirs = plain_rules(real) if real else None
        if theirs == rules:
            explained["the same"] += 1
        elif reason := why_different(line, theirs, rules):
            explained[reason] += 1
        else:
            differences.append(f"{line!r}: {rules} instead of {theirs}")
    return differences, explained


def our_rules(line: str) -> list[PlainRule] | None:
    """What we make of one line; None if it is an error."""
    try:
        ((_, keys, action),) = parse([line], "line")
    except ConfigError:
        return None
    variables = {name: value or b"" for name, value in action.variables.items()}
    return [(key.encode(), action.outcome == DENY, variables) for key in keys]


def why_different(line: str, theirs: list[PlainRule] | None, ours: list[PlainRule] | None) -> str:
    """The explanation of a line that tcprules and we treat differently, "" if there is none. None: an error."""
    if ours is not None:
        address = line[: min(at for at in (line.find(":allow"), line.find(":deny")) if at >= 0)]
        if theirs is None:
            return COLON if ":" in address else ""
        return CIDR if "/" in address else ""
    assert theirs is not None
    if not theirs:
        return NOTHING
    if not any(LIVE_KEY.fullmatch(rule[0]) for rule in theirs):
        return DEAD
    address, _, action = line.partition(":")
    if re.search(r"-(?![0-9])|(?<![0-9])-|(?<![0-9])0[0-9]|[0-9]{4}|[3-9][0-9][0-9]|2[6-9][0-9]|25[6-9]", address):
        return MISREAD
    odd_name = not all(NAME.fullmatch(name) for rule in theirs for name in rule[2])
    return VARIABLE if odd_name or re.search(r"=[A-Za-z0-9 \t,]", action) else ""


def plain_rules(cdb: Path) -> list[PlainRule]:
    """Key, refusal and variables of each rule of a cdb, as tcpserver sees them: without our lines and our record."""
    return [(key, *effect(data.split(b"\0"))) for key, data in records(str(cdb)) if not key.startswith(b"\0")]


def effect(parts: list[bytes]) -> tuple[bool, dict[bytes, bytes]]:
    """Of a variable that is set twice the last value counts."""
    assignments = (part[1:].partition(b"=") for part in parts if part.startswith(b"+"))
    return b"D" in parts, {name: value for name, _, value in assignments}
