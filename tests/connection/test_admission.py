"""The steps of a connection, driven without a socket: what is needed, in which order, and what comes of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sockgate.connection import Gate
from sockgate.connection.admission import Outcome, admission, advance
from sockgate.connection.needs import Place, ProxyHeader, Send, Silence
from sockgate.core import ALLOW, DENY, Cause, GateError, Refused, SystemFailure, Verdict
from sockgate.core.listing import Listing
from sockgate.core.options import parse
from sockgate.core.peer import Peer, pack
from sockgate.core.questions import Questions
from tests.core.clients import client

if TYPE_CHECKING:
    from sockgate.connection.admission import Admission, Answer
    from sockgate.connection.needs import Need

HEADER = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 25\r\n"
GREETING = ("--banner-text", "220-wait\r\n")
EVERYTHING = (
    "--proxy-protocol", "10.0.0.0/8", *GREETING, "--hostname", "--dnsbl", "bl.example", "--greet-delay", "2",
    "--deny-message", "no",
)  # fmt: skip
FULL = Refused(Verdict(DENY, Cause("--max-per-source", "4"), "already 4 connections from this source"))


def gate(*options: str) -> Gate:
    return Gate(parse([*options, "--", "/usr/bin/server"]))


def need_of(need: "Need | Outcome") -> "Need":
    assert not isinstance(need, Outcome), need.verdict.reason
    return need


def outcome_of(need: "Need | Outcome") -> Outcome:
    assert isinstance(need, Outcome), need
    return need


class Driver:
    """Meets every need in the same way, and writes down which there were."""

    def __init__(self, header: bytes = HEADER, said: bytes | None = None, listed: str = "") -> None:
        self.header = header
        self.said = said
        self.listed = listed
        self.full: Refused | None = None
        self.needs: list[str] = []
        self.sent = b""

    def finish(self, machine: "Admission") -> Outcome:
        need = advance(machine)
        while not isinstance(need, Outcome):
            self.needs.append(type(need).__name__)
            need = advance(machine, self.answer(need))
        return need

    def answer(self, need: "Need") -> "Answer | Refused | GateError":
        if isinstance(need, ProxyHeader):
            return self.header
        if isinstance(need, Send):
            self.sent += need.data
        if isinstance(need, Questions):
            need.peer.listings = {
                zone: Listing((pack("127.0.0.2"),) if zone == self.listed else ()) for zone in need.zones
            }
        if isinstance(need, Silence):
            return self.said
        return self.full if isinstance(need, Place) else None


def test_a_gate_that_asks_nothing_needs_nothing() -> None:
    driver = Driver()
    outcome = driver.finish(admission(gate("--allow", "192.0.2.0/24", "--relay", "192.0.2.7"), client("192.0.2.7")))
    assert driver.needs == []
    assert outcome.admitted
    assert str(outcome.verdict.cause) == "--allow 192.0.2.0/24"
    assert outcome.note == "relay (192.0.2.7)"
    assert outcome.environment({b"A": b"base"})[b"RELAYCLIENT"] == b""
    assert outcome.words == b""


def test_the_order_of_the_steps() -> None:
    driver = Driver()
    outcome = driver.finish(admission(gate(*EVERYTHING), client("10.0.0.1"), counted=True))
    assert driver.needs == ["ProxyHeader", "Send", "Place", "Questions", "Silence"]
    assert outcome.admitted
    assert (outcome.peer.source, outcome.peer.via) == ("198.51.100.7:4711", "10.0.0.1:4711")
    assert driver.sent == b"220-wait\r\n"


def test_a_gate_without_limits_needs_no_place() -> None:
    driver = Driver()
    driver.finish(admission(gate(*GREETING), client("192.0.2.7")))
    assert driver.needs == ["Send"]


def test_a_stranger_may_not_speak_for_others_and_is_asked_nothing() -> None:
    driver = Driver()
    outcome = driver.finish(admission(gate(*EVERYTHING), client("192.0.2.7"), counted=True))
    assert driver.needs == []
    assert (outcome.admitted, outcome.error) == (False, None)
    assert str(outcome.verdict.cause) == "--proxy-protocol"
    assert outcome.verdict.reason == "not a trusted proxy (--proxy-protocol 10.0.0.0/8)"
    assert outcome.words == b"no\r\n"
    assert outcome.peer.source == "192.0.2.7:4711"


@pytest.mark.parametrize("header", [b"EHLO x\r\n" * 4, b"PROXY TCP4 127.0.0.1 192.0.2.1 1 2\r\n"])
def test_a_header_that_is_none_refuses_before_the_greeting(header: bytes) -> None:
    driver = Driver(header)
    outcome = driver.finish(admission(gate(*EVERYTHING), client("10.0.0.1"), counted=True))
    assert driver.needs == ["ProxyHeader"]
    assert (outcome.admitted, outcome.error, outcome.peer.source) == (False, None, "10.0.0.1:4711")


def test_a_need_that_cannot_be_met_refuses_the_client() -> None:
    machine = admission(gate(*EVERYTHING), client("10.0.0.1"))
    advance(machine)
    late = Refused(Verdict(DENY, Cause("--proxy-protocol"), "no complete PROXY header in time"))
    outcome = outcome_of(advance(machine, late))
    assert (outcome.verdict.outcome, outcome.verdict.reason) == (DENY, "no complete PROXY header in time")
    assert outcome.error is None


def test_a_fault_on_this_side_is_no_decision_about_the_client() -> None:
    machine = admission(gate("--hostname", "--deny-message", "no"), client("192.0.2.7"))
    assert isinstance(advance(machine), Questions)
    fault = SystemFailure("out of descriptors")
    outcome = outcome_of(advance(machine, fault))
    assert (outcome.admitted, outcome.error) == (False, fault)
    assert outcome.words == b"no\r\n"


def test_a_client_that_the_rules_refuse_is_greeted_but_takes_no_place_and_is_not_asked_about() -> None:
    driver = Driver()
    one = gate(*EVERYTHING, "--deny", "198.51.100.0/24")
    outcome = driver.finish(admission(one, client("10.0.0.1"), counted=True))
    assert driver.needs == ["ProxyHeader", "Send"]
    assert str(outcome.verdict.cause) == "--deny 198.51.100.0/24"


def test_a_client_that_is_one_too_many_is_not_asked_about() -> None:
    driver = Driver()
    driver.full = FULL
    outcome = driver.finish(admission(gate(*EVERYTHING), client("10.0.0.1"), counted=True))
    assert driver.needs == ["ProxyHeader", "Send", "Place"]
    assert str(outcome.verdict.cause) == "--max-per-source 4"
    assert (outcome.error, outcome.peer.source, outcome.words) == (None, "198.51.100.7:4711", b"no\r\n")


def test_a_client_that_a_list_refuses_does_not_wait_for_the_greeting() -> None:
    driver = Driver(listed="bl.example")
    outcome = driver.finish(admission(gate(*EVERYTHING), client("10.0.0.1")))
    assert driver.needs == ["ProxyHeader", "Send", "Questions"]
    assert str(outcome.verdict.cause) == "--dnsbl bl.example"


@pytest.mark.parametrize(("said", "admitted"), [(None, True), (b"EHLO x\r\n", False), (b"", False)])
def test_a_client_that_speaks_too_early_is_refused(said: bytes | None, admitted: bool) -> None:
    driver = Driver(said=said)
    outcome = driver.finish(admission(gate("--greet-delay", "2,554 early"), client("192.0.2.7")))
    assert driver.needs == ["Silence"]
    assert outcome.admitted is admitted
    assert outcome.words == (b"" if admitted else b"554 early\r\n")


def test_a_client_that_may_relay_does_not_wait() -> None:
    driver = Driver()
    driver.finish(admission(gate("--greet-delay", "2", "--relay", "192.0.2.7"), client("192.0.2.7")))
    assert driver.needs == []


def test_the_limits_see_what_the_rules_say_where_that_is_known() -> None:
    place = need_of(advance(admission(gate("--allow", "any"), client("192.0.2.7"), counted=True)))
    assert isinstance(place, Place)
    assert place.verdict is not None
    assert place.verdict.outcome == ALLOW
    place = need_of(advance(admission(gate("--hostname"), client("192.0.2.7"), counted=True)))
    assert isinstance(place, Place)
    assert place.verdict is None


def test_the_local_name_is_known_for_every_outcome() -> None:
    for options in (("--deny", "any"), ()):
        outcome = Driver().finish(admission(gate("--local-name", "mx.example", *options), client("192.0.2.7")))
        assert outcome.peer.local_host == "mx.example"


def test_rules_that_cannot_be_decided_refuse_by_an_error(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text(":allow,GREETDELAY='soon'\n")
    driver = Driver()
    outcome = driver.finish(admission(gate("--rules", str(rules), "--greet-delay", "2"), client("192.0.2.7")))
    assert (outcome.admitted, driver.needs) == (False, [])
    assert str(outcome.error) == f"{rules}:1: GREETDELAY b'soon' is not 0 or a number of seconds from 0.1 to 60"
    assert str(outcome.verdict.cause) == f"{rules}:1"


def test_a_user_of_a_local_socket_passes_through_the_same_steps() -> None:
    driver = Driver()
    outcome = driver.finish(admission(gate(*GREETING, "--hostname", "--greet-delay", "2"), Peer("UNIX"), counted=True))
    assert driver.needs == ["Send", "Place", "Silence"]
    assert outcome.admitted
