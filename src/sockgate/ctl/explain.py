"""Say what a gate would do with a client, and why: verdict, rule, environment. Needs no network and no root.

With UNIT, the options and variables are those of the unit; with --options, those that are given. --host, --info,
--listed and --ip stand for what the gate would learn from the network (host name, ident, DNS lists, a PROXY header).
"""

import argparse
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ..access.dnsbl import DnsList
from ..connection import Gate
from ..core import DENY, ConfigError, UsageError, Verdict
from ..core.addresses import port_number
from ..core.host_names import GivenName
from ..core.listing import Listing
from ..core.options import to_bytes
from ..core.peer import Peer, internet_peer, pack
from ..resolve.host_lookup import why_unusable
from ..resolve.ident import why_no_user
from ..units.search import UnitSearch
from .dependence import NAME, PLACE, USER, depends_on
from .gated_service import RESIDENT, find_named, settings_of

ERROR = "error"
DEPENDS = "depends"
GIVEN_BY = {NAME: "--host", USER: "--info", PLACE: "--local ADDRESS:PORT"}
LISTED = pack("127.0.0.2")  # the answer of a list that has only one answer (RFC 5782)
SERVER = "SERVER"  # stands for the program if --options names none


@dataclass(frozen=True, slots=True)
class DecidingRule:
    """What decided: an option with its entry, or a line of a file (no line in a cdb that tcprules made)."""

    where: str
    file: str | None
    line: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. Its fields are those of --json.

    verdict      allow, deny, error (which also refuses), or depends (on what is not given)
    rule         the rule that decided, None if no rule matched and nothing refuses
    reason       the rule as one line, or the error
    relay        the entry of --relay that covers the client
    delay        the seconds that the client must wait in silence before its server starts (--greet-delay)
    message      the text that a refused client is sent
    environment  the variables that the gate sets for the server, without those that systemd adds
    considered   what was tried and did not match, in order
    """

    verdict: str
    rule: DecidingRule | None
    reason: str
    relay: str | None
    delay: float
    message: str | None
    environment: dict[str, str] | None
    considered: list[str]


def configure(parser: argparse.ArgumentParser) -> None:
    gate = parser.add_mutually_exclusive_group(required=True)
    gate.add_argument("unit", nargs="?", metavar="UNIT", help="a socket or service that runs a gate")
    gate.add_argument(
        "--options", metavar="OPTIONS", help="options of sockgate or sockgated in one word: --options='--rules FILE'"
    )
    parser.add_argument("--ip", required=True, metavar="ADDRESS", help="the client's address")
    parser.add_argument("--port", type=given_port, metavar="PORT", help="the client's port")
    parser.add_argument("--local", metavar="ADDRESS[:PORT]", help="the address that it connected to, or [ADDRESS]:PORT")
    parser.add_argument("--host", metavar="NAME", help="the client's name, as a look-up would find it")
    parser.add_argument("--info", metavar="INFO", help="the client's user, as ident would tell it")
    parser.add_argument(
        "--listed", metavar="ZONE[/127.0.0.N]", action="append", default=[], help="a DNS list that has the client"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    peer = make_peer(arguments)
    if arguments.unit:
        gate, variables = unit_gate(arguments.unit, UnitSearch())
    else:
        gate, variables = options_gate(arguments.options), {}
    untold = tell(peer, gate, arguments)
    explanation = explain(gate, peer, variables, untold)
    if explanation.verdict != ERROR:
        host, info = arguments.host is not None, arguments.info is not None
        what = depends_on(gate, peer, host=host, info=info, local=bool(peer.local_port))
        explanation = dependent(explanation, what) if what else explanation
    print(json.dumps(asdict(explanation)) if arguments.json else as_text(explanation))
    return 1 if explanation.verdict == ERROR else 0


def options_gate(text: str) -> Gate:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--options: {str(error).lower()}") from None
    settings = settings_of(RESIDENT, words)
    settings.command = settings.command or [SERVER]
    return Gate(settings)


def unit_gate(name: str, search: UnitSearch) -> tuple[Gate, dict[bytes, bytes]]:
    """The gate of a unit, and the variables that the unit sets. Raises ConfigError."""
    gated = find_named(name, search)
    if gated.gate is None:
        raise gated.error or ConfigError(f"{gated.name!r} has no gate")
    return gated.gate, {to_bytes(key): to_bytes(variable.value) for key, variable in gated.variables.items()}


def make_peer(arguments: argparse.Namespace) -> Peer:
    """The client that the options describe. Raises UsageError."""
    remote = packed("--ip", arguments.ip)
    address, port = split_port(arguments.local) if arguments.local else (arguments.ip, 0)
    local = packed("--local", address)
    if len(remote) != len(local):
        raise UsageError(f"--local: {address!r} and {arguments.ip!r} are not of one address family")
    peer = internet_peer(remote, arguments.port or 0, local, port)
    if not arguments.local:
        peer.local, peer.local_ip = b"", None
    peer.names = GivenName(remote, arguments.host)
    return peer


def tell(peer: Peer, gate: Gate, arguments: argparse.Namespace) -> list[str]:
    """Set in the peer what the gate would find out. Returns what the gate would not find out, and why."""
    untold = []
    lookups = gate.lookups
    if arguments.host:
        problem = why_unusable(arguments.host.lower())
        if not (lookups and lookups.hostname):
            problem = "the gate sets no TCPREMOTEHOST without --hostname"
        peer.host = None if problem else arguments.host.lower()
        untold += [f"--host {arguments.host}: {problem}"] if problem else []
    if arguments.info:
        problem = why_no_user(arguments.info)
        if not lookups or lookups.ident is None:
            problem = "the gate sets no TCPREMOTEINFO without --ident"
        peer.info = None if problem else arguments.info
        untold += [f"--info {arguments.info}: {problem}"] if problem else []
    for entry in (DnsList(zone, "--listed") for zone in arguments.listed):
        peer.listings[entry.zone] = Listing((entry.code or LISTED,))
    return untold


def packed(option: str, text: str) -> bytes:
    try:
        return pack(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def split_port(text: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:25`, `2001:db8::1` or `[2001:db8::1]:25`. Raises UsageError."""
    address, colon, port = text.rpartition(":")
    if text.count(":") > 1 and not text.startswith("["):
        return text, 0
    if not colon or text.endswith("]"):
        return text.strip("[]"), 0
    number = port_number(port)
    if number is None:
        raise UsageError(f"--local: {port!r} is not a port number")
    return address.strip("[]"), number


def given_port(text: str) -> int:
    number = port_number(text)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number")
    return number


def explain(gate: Gate, peer: Peer, variables: dict[bytes, bytes], untold: Sequence[str] = ()) -> Explanation:
    considered = [*untold]
    relay = gate.relays_for(peer)
    try:
        verdict = gate.decide(peer, considered)
        waits = gate.greet_delay if verdict.outcome != DENY else None
        delay = waits.seconds_for(verdict, relay) if waits else 0
    except ConfigError as error:
        return Explanation(ERROR, None, str(error), None, 0, None, None, considered)
    if verdict.outcome == DENY:
        message = gate.refusal(verdict).decode("utf-8", "replace").rstrip() or None
        return Explanation(DENY, rule_of(verdict), verdict.reason, None, 0, message, None, considered)
    environment = gate.environment(gate.base_environment(variables), peer, verdict, relay)
    return Explanation(
        verdict.outcome, rule_of(verdict), verdict.reason, relay, delay, None, known(environment, peer), considered
    )


def dependent(explanation: Explanation, what: str) -> Explanation:
    """The answer where the verdict depends on something that was not given."""
    reason = f"depends on {what}: give {GIVEN_BY[what]}"
    return Explanation(DEPENDS, None, reason, None, 0, None, None, explanation.considered)


def rule_of(verdict: Verdict) -> DecidingRule | None:
    cause = verdict.cause
    if cause is None:
        return None
    if not cause.file:
        return DecidingRule(str(cause), None, None, str(cause))
    return DecidingRule(str(cause), cause.file, cause.line or None, cause.text)


def known(environment: dict[bytes, bytes], peer: Peer) -> dict[str, str]:
    """The environment in alphabetical order, without ports that were not given."""
    ports = ((b"REMOTEPORT", peer.remote_port), (b"LOCALPORT", peer.local_port))
    unknown = tuple(name for name, port in ports if not port)
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in sorted(environment.items())
        if not (unknown and name.startswith(b"TCP") and name.endswith(unknown))
    }


def as_text(explanation: Explanation) -> str:
    said = explanation.reason or "nothing refuses, and no rule matches"
    lines = [said if explanation.verdict == DEPENDS else f"{explanation.verdict}: {said}"]
    if explanation.relay is not None:
        lines.append(f"relay: --relay {explanation.relay}")
    if explanation.delay:
        lines.append(f"waits: {explanation.delay:g} s until its server starts, refused if it speaks (--greet-delay)")
    if explanation.message is not None:
        lines.append(f"told: {explanation.message}")
    if explanation.environment is not None:
        lines += ["environment:", *(f"  {name}={value}" for name, value in explanation.environment.items())]
    if explanation.considered:
        lines += ["did not match:", *(f"  {line}" for line in explanation.considered)]
    return "\n".join(lines)
