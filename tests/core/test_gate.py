"""A gate's decisions and the environment that comes of them. Each check has tests of its own."""

from pathlib import Path

import pytest

from sockgate.core.access import ALLOW, DENY, NO_MATCH, Verdict
from sockgate.core.errors import UsageError
from sockgate.core.gate import Gate
from sockgate.core.options import parse
from sockgate.core.peer import Peer, internet_peer, pack


def gate(*words: str) -> Gate:
    return Gate(parse([*words, "--", "/usr/bin/server", "--argument"]))


def client(address: str = "192.0.2.7") -> Peer:
    return internet_peer(pack(address), 4711, pack("192.0.2.1"), 25)


class Fixed:
    """A check that always says the same."""

    def __init__(self, verdict: Verdict, name: str = "") -> None:
        self.verdict = verdict
        self.files: tuple[str, ...] = (name,) if name else ()
        self.needs_process = False
        self.asked = 0

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        self.asked += 1
        if considered is not None:
            considered.append(self.verdict.rule)
        return self.verdict


def gate_of(*checks: Fixed) -> Gate:
    result = gate()
    result.checks = list(checks)
    return result


def test_a_gate_without_access_options_lets_everybody_in() -> None:
    verdict = gate().decide(client())
    assert (verdict.outcome, verdict.rule, verdict.reason, verdict.variables) == (ALLOW, "", "", {})


def test_the_first_check_that_refuses_decides_and_the_rest_are_not_asked() -> None:
    last = Fixed(Verdict(ALLOW, "3"))
    refusal = Verdict(DENY, "2", "because", message=b"go away")
    considered: list[str] = []
    verdict = gate_of(Fixed(Verdict(ALLOW, "1")), Fixed(refusal), last).decide(client(), considered)
    assert verdict is refusal
    assert last.asked == 0
    assert considered == ["1", "2"]


def test_all_must_let_the_peer_in_and_the_last_that_matched_is_named() -> None:
    verdict = gate_of(
        Fixed(Verdict(ALLOW, "1", "first", variables={b"A": b"1", b"B": b"1"})),
        Fixed(Verdict(ALLOW, "2", "second", variables={b"B": b"2", b"C": None})),
        Fixed(Verdict(NO_MATCH, variables={b"A": b"ignored"})),
    ).decide(client())
    assert (verdict.outcome, verdict.rule, verdict.reason) == (ALLOW, "2", "second")
    assert verdict.variables == {b"A": b"1", b"B": b"2", b"C": None}


def test_the_kinds_of_access_options_decide_in_this_order(tmp_path: Path) -> None:
    rules, hosts, courier = (str(tmp_path / name) for name in ("rules", "hosts", "courier"))
    for file, line in ((rules, ":allow"), (hosts, "ALL: ALL"), (courier, "127\tallow")):
        Path(file).write_text(f"{line}\n")
    words = ["--rules", rules, "--hosts-access", hosts, "--courier-access", courier, "--no-access", "10.0.0.1"]
    words += ["--only-from", "127.0.0.1", "--deny", "any", "--max-load", "1", "--access-times", "0:00-23:59"]
    expected = ["Schedule", "AddressAccess", "XinetdAccess", "CourierAccess", "HostsAccess", "RulesAccess"]
    assert [type(check).__name__ for check in gate(*words).checks] == expected
    for option, value, name in (
        ("--access-times", "0:00-23:59", "Schedule"),
        ("--max-load", "1", "Schedule"),
        ("--allow", "any", "AddressAccess"),
        ("--deny", "any", "AddressAccess"),
        ("--only-from", "127.0.0.1", "XinetdAccess"),
        ("--no-access", "127.0.0.1", "XinetdAccess"),
        ("--courier-access", courier, "CourierAccess"),
        ("--hosts-access", hosts, "HostsAccess"),
        ("--rules", rules, "RulesAccess"),
    ):
        assert [type(check).__name__ for check in gate(option, value).checks] == [name]
    assert gate().checks == []


def test_the_gate_names_every_file_that_it_was_built_from() -> None:
    checks = [Fixed(Verdict(ALLOW), name) for name in ("/etc/a", "", "/etc/b")]
    assert gate_of(*checks).files == ("/etc/a", "/etc/b")
    assert gate("--allow", "any").files == ()


def test_relaying_names_the_entry_that_covers_the_peer() -> None:
    relaying = gate("--relay", "127.0.0.1,192.168.0.", "--relay=2001:db8::/32")
    for address, entry in (
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("192.168.0.5", "192.168.0."),
        ("2001:db8::9", "2001:db8::/32"),
        ("192.168.10.5", None),
        ("10.1.1.1", None),
        ("::1", None),
    ):
        assert relaying.relays_for(client(address)) == entry
    assert relaying.relays_for(Peer("UNIX")) is None
    assert gate().relays_for(client("127.0.0.1")) is None


def test_later_variables_are_stronger() -> None:
    base = gate("--env", "A=env", "--env", "TCPREMOTEIP=env", "--env", "RELAYHOST=env").base_environment(
        {b"A": b"inherited", b"KEPT": b"inherited", b"RELAYCLIENT": b"inherited", b"TCPREMOTEHOST": b"inherited"}
    )
    assert base == {b"A": b"env", b"KEPT": b"inherited", b"TCPREMOTEIP": b"env", b"RELAYHOST": b"env"}
    rule = Verdict(ALLOW, variables={b"A": b"rule", b"TCPREMOTEPORT": b"rule", b"KEPT": None, b"ABSENT": None})
    environment = gate().environment(base, client(), rule, "127.0.0.1")
    assert environment == {
        b"A": b"rule",
        b"PROTO": b"TCP",
        b"RELAYCLIENT": b"",
        b"RELAYHOST": b"",
        b"TCPLOCALIP": b"192.0.2.1",
        b"TCPLOCALPORT": b"25",
        b"TCPREMOTEIP": b"192.0.2.7",
        b"TCPREMOTEPORT": b"rule",
    }
    assert base[b"A"] == b"env"  # the base serves every connection
    assert b"RELAYCLIENT" not in gate().environment(base, client(), Verdict(ALLOW), None)


def test_a_rule_may_take_relaying_away_again() -> None:
    verdict = Verdict(ALLOW, variables={b"RELAYCLIENT": None})
    assert b"RELAYCLIENT" not in gate().environment({}, client(), verdict, "any")


def test_the_service_is_called_as_asked_or_as_its_program() -> None:
    assert gate("--name", "smtp").name == "smtp"
    assert gate("--name=").name == "server"
    assert Gate(parse(["echo"])).name == "echo"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--relay="], "--relay: the list is empty (name at least one address, or leave the option out)"),
        (["--allow="], "--allow: the list is empty (name at least one address, or leave the option out)"),
        (["--deny= "], "--deny: the list is empty (name at least one address, or leave the option out)"),
        (["--timeout", "0"], "--timeout: '0' is not a number of seconds from 0.1 to 3600"),
        (["--timeout", "1e3"], "--timeout: '1e3' is not a number of seconds from 0.1 to 3600"),
        (["--timeout", "5."], None),
        (["--timeout", "inf"], "--timeout: 'inf' is not a number of seconds from 0.1 to 3600"),
        (["--timeout", "3601"], "--timeout: '3601' is not a number of seconds from 0.1 to 3600"),
        (["--timeout", "\u0665"], "--timeout: '\u0665' is not a number of seconds from 0.1 to 3600"),
    ],
)
def test_options_that_cannot_work_are_refused_when_the_gate_is_built(words: list[str], message: str | None) -> None:
    if message is None:
        assert gate(*words).timeout == 5.0
        return
    with pytest.raises(UsageError) as caught:
        gate(*words)
    assert str(caught.value) == message
