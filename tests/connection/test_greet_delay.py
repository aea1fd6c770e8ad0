"""--greet-delay: who waits to be greeted is served, who does not is refused, and who is spared the wait."""

import socket
import time
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from sockgate.connection import Gate
from sockgate.connection.greet_delay import GreetDelay, first_words, parse_greet_delay
from sockgate.core import ALLOW, DENY, Cause, ConfigError, UsageError, Verdict
from sockgate.core.options import parse
from tests.connection.launch import Launcher, Outcome, internet

GREETS = ["/bin/sh", "-c", 'echo "220 ready"; read -r line; echo "250 $line"']
DELAY = ["--greet-delay", "0.2,554 5.5.1 too early", "--deny-message", "421 no"]


Variables = Mapping[str, bytes | None]


def delay_of(text: str) -> GreetDelay:
    return GreetDelay(*parse_greet_delay(text, "--greet-delay"))


def hold(
    said: bytes, text: str = "0.1", variables: Variables = MappingProxyType({}), *, leaves: bool = False
) -> tuple[Verdict, float]:
    """What becomes of a client that says this at once, with these variables of its rule; and how long that took."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said)
        if leaves:
            theirs.close()
        verdict = Verdict(
            ALLOW, Cause("rules:7"), variables={name.encode(): value for name, value in variables.items()}
        )
        start = time.monotonic()
        steps = delay_of(text).wait_for_silence(verdict, None)
        try:
            steps.send(first_words(ours.fileno(), next(steps).seconds))
        except StopIteration as end:
            verdict = end.value
        assert ours.getblocking()
        if said:
            assert ours.recv(100) == said
        return verdict, time.monotonic() - start


def test_a_client_that_waits_gets_its_verdict_when_the_time_is_over() -> None:
    verdict, seconds = hold(b"", "0.1")
    assert verdict.outcome == ALLOW
    assert seconds >= 0.1


@pytest.mark.parametrize(
    ("said", "shown"),
    [(b"EHLO client\r\nMAIL", "'EHLO client'"), (b"\n", "''"), (b"\x16\x03\x01", "'\\x16\\x03\\x01'"), (b"x", "'x'")],
)
def test_a_client_that_speaks_is_refused_at_once_with_what_it_said(said: bytes, shown: str) -> None:
    verdict, seconds = hold(said, "60")
    assert (verdict.outcome, str(verdict.cause or ""), verdict.message) == (DENY, "--greet-delay", b"")
    assert verdict.reason == f"spoke before it was greeted: {shown}"
    assert seconds < 10


def test_a_client_that_leaves_is_refused_at_once() -> None:
    verdict, seconds = hold(b"", "60", leaves=True)
    assert (verdict.outcome, verdict.reason) == (DENY, "has gone before it was greeted")
    assert seconds < 10


@pytest.mark.parametrize("variables", [{"RELAYCLIENT": b""}, {"GREETDELAY": b"0"}])
def test_a_client_that_may_relay_or_has_a_delay_of_0_is_spared(variables: Variables) -> None:
    assert hold(b"EHLO client\r\n", "60", variables)[0].outcome == ALLOW


@pytest.mark.parametrize("variables", [{"RELAYCLIENT": None}, {"GREETDELAY": None}, {"GREETDELAY": b"0.1"}])
def test_others_are_not(variables: Variables) -> None:
    assert hold(b"EHLO client\r\n", "60", variables)[0].outcome == DENY


def test_a_rule_sets_the_delay_of_its_client() -> None:
    verdict, seconds = hold(b"", "60", {"GREETDELAY": b"0.1"})
    assert verdict.outcome == ALLOW
    assert 0.1 <= seconds < 10


@pytest.mark.parametrize("delay", [b"soon", b"-1", b"61", b"0.05", b"", b"1e1", b"\xff"])
def test_a_delay_in_a_rule_that_is_none_refuses(delay: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        hold(b"", variables={"GREETDELAY": delay})
    assert str(caught.value) == f"rules:7: GREETDELAY {delay!r} is not 0 or a number of seconds from 0.1 to 60"


@pytest.mark.parametrize("text", ["", "soon", "0", "0.05", "61", "-1", "1e1", "1 s", "\u0661", ",554 no"])
def test_a_delay_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        delay_of(text)
    number = text.partition(",")[0]
    assert str(caught.value) == f"--greet-delay: {number!r} is not a number of seconds from 0.1 to 60"


@pytest.mark.parametrize("message", ["", "a\tb", "\x1b[2J"])
def test_a_message_that_is_no_line_is_a_usage_error(message: str) -> None:
    with pytest.raises(UsageError) as caught:
        delay_of(f"5,{message}")
    assert str(caught.value) == f"--greet-delay: {message!r} is not a line of text"


def test_commas_belong_to_the_message() -> None:
    assert delay_of("5,554 no, not now").message == b"554 no, not now\r\n"


def converse(launcher: Launcher, said: bytes, *options: str) -> Outcome:
    """A whole connection through the real gate, by a client that says this at once and then waits."""
    near, far = internet()
    far.sendall(said)
    return launcher.run((near, far), [*options, *GREETS])


def test_an_early_talker_never_reaches_the_server(launcher: Launcher) -> None:
    outcome = converse(launcher, b"EHLO client\r\n", *DELAY)
    assert (outcome.said, outcome.code) == (b"554 5.5.1 too early\r\n", 0)
    assert ": spoke before it was greeted: 'EHLO client'\n" in outcome.log
    assert "accepted" not in outcome.log


def test_without_a_text_of_its_own_it_is_told_the_deny_message(launcher: Launcher) -> None:
    assert converse(launcher, b"EHLO client\r\n", "--greet-delay", "5", *DELAY[2:]).said == b"421 no\r\n"


def test_a_client_that_is_refused_anyway_does_not_wait_for_it(launcher: Launcher) -> None:
    start = time.monotonic()
    assert converse(launcher, b"", "--greet-delay", "60", "--deny", "any").said == b""
    assert time.monotonic() - start < 20


def test_a_relay_client_may_speak_at_once(launcher: Launcher) -> None:
    outcome = converse(launcher, b"EHLO client\r\n", "--greet-delay", "60", "--relay", "127.0.0.1")
    assert outcome.said.endswith(b"250 EHLO client\r\n")


def test_what_a_proxy_sends_behind_its_header_is_what_the_client_said(launcher: Launcher) -> None:
    header = b"PROXY TCP4 192.0.2.1 198.51.100.2 123 321\r\n"
    options = ["--proxy-protocol", "127.0.0.1", "--greet-delay", "0.3,554 no"]
    assert converse(launcher, header + b"EHLO client\r\n", *options).said == b"554 no\r\n"
    near, far = internet()
    far.sendall(header)
    outcome = launcher.run((near, far), [*options, "/bin/echo", "220 ready"])
    assert outcome.said == b"220 ready\n"
    assert "accepted 192.0.2.1:123" in outcome.log


def test_a_gate_with_a_delay_needs_a_process_for_each_client() -> None:
    assert Gate(parse(["--greet-delay", "5", "x"])).is_lasting is False
