"""A gate's decisions and the environment that comes of them. Each check has tests of its own."""

from pathlib import Path

import pytest

from sockgate.access import Check
from sockgate.connection import Gate
from sockgate.core import ALLOW, DENY, NO_MATCH, Cause, UsageError, Verdict
from sockgate.core.listing import Listing
from sockgate.core.options import parse
from sockgate.core.peer import Peer, internet_peer, pack
from sockgate.core.questions import Questions


def gate(*words: str) -> Gate:
    return Gate(parse([*words, "--", "/usr/bin/server", "--argument"]))


def client(address: str = "192.0.2.7") -> Peer:
    return internet_peer(pack(address), 4711, pack("192.0.2.1"), 25)


class Fixed(Check):
    """A check that always says the same."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked = 0

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        self.asked += 1
        if considered is not None:
            considered.append(str(self.verdict.cause))
        return self.verdict


def gate_of(*checks: Fixed) -> Gate:
    result = gate()
    result.checks = list(checks)
    return result


def test_a_gate_without_access_options_lets_every_client_in() -> None:
    verdict = gate().decide(client())
    assert (verdict.outcome, str(verdict.cause or ""), verdict.reason, verdict.variables) == (ALLOW, "", "", {})


def test_the_first_check_that_refuses_decides_and_the_rest_are_not_asked() -> None:
    last = Fixed(Verdict(ALLOW, Cause("3")))
    refusal = Verdict(DENY, Cause("2"), "because", message=b"go away")
    considered: list[str] = []
    verdict = gate_of(Fixed(Verdict(ALLOW, Cause("1"))), Fixed(refusal), last).decide(client(), considered)
    assert verdict is refusal
    assert last.asked == 0
    assert considered == ["1", "2"]


def test_all_must_let_the_peer_in_and_the_last_that_matched_is_named() -> None:
    verdict = gate_of(
        Fixed(Verdict(ALLOW, Cause("1"), "first", variables={b"A": b"1", b"B": b"1"})),
        Fixed(Verdict(ALLOW, Cause("2"), "second", variables={b"B": b"2", b"C": None})),
        Fixed(Verdict(NO_MATCH, variables={b"A": b"ignored"})),
    ).decide(client())
    assert (verdict.outcome, str(verdict.cause or ""), verdict.reason) == (ALLOW, "2", "second")
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
        ("--courier-access-local", courier, "CourierAccessLocal"),
        ("--hosts-access", hosts, "HostsAccess"),
        ("--rules", rules, "RulesAccess"),
    ):
        assert [type(check).__name__ for check in gate(option, value).checks] == [name]
    assert gate().checks == []


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


def looking(*words: str) -> Gate:
    result = gate(*words)
    assert not result.is_lasting
    return result


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--paranoid"], "--paranoid is about the name that --hostname looks up (add --hostname)"),
        (["--dnsbl-allow", "a"], "--dnsbl-allow is about the lists of --dnsbl, and there are none"),
        (["--dnsbl-fail", "open"], "--dnsbl-fail is about the lists of --dnsbl, and there are none"),
        (["--ident=0"], "--ident: '0' is not a number of seconds from 0.1 to 3600"),
        (["--local-name", ""], "--local-name: '' is not a host name"),
        (["--local-name", "a b"], "--local-name: 'a b' is not a host name"),
        (["--local-name", "x" * 254], f"--local-name: '{'x' * 254}' is not a host name"),
        (["--ssl-variables=s l"], "--ssl-variables: 's l' is no protocol, such as SSL"),
        (["--client-env", "A"], "--client-env: 'A' is not VAR=TEXT"),
        (["--client-env", "=a"], "--client-env: '=a' is not VAR=TEXT"),
        *(
            (
                ["--client-env", word],
                f"--client-env: '{word}': {{NAME}} stands for PROTO or a name such as TCPREMOTEIP, and no other",
            )
            for word in ("A={HOME}", "A={", "A={PROTO", "A=}", "A={PROTO}}", "A={{PROTO}}", "A={}")
        ),
    ],
)
def test_look_ups_that_make_no_sense_are_named(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        gate(*words)
    assert str(caught.value) == message


def test_ident_may_take_as_long_as_everything_unless_it_is_told() -> None:
    for words, seconds in ((["--ident"], 5), (["--ident=2.5"], 2.5), (["--ident", "--timeout", "9"], 9)):
        lookups = gate(*words).lookups
        assert lookups is not None
        assert lookups.ident == seconds


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], True),
        (["--allow", "127.0.0.1", "--relay", "127.0.0.1", "--local-name", "here"], True),
        (["--only-from", "192.0.2.0/24"], True),
        (["--max-load", "5"], False),
        (["--access-times", "0:00-24:00"], False),
        (["--allow", "127.0.0.1", "--access-times", "0:00-24:00"], False),
        (["--hostname"], False),
        (["--dnsbl", "bl.example"], False),
        (["--greet-delay", "1"], False),
        (["--proxy-protocol", "127.0.0.1"], False),
        (["--ssl-variables"], False),
        (["--client-env", "REMOTE_HOST={TCPREMOTEIP}"], True),
        (["--client-env", "REMOTE_PORT={TCPREMOTEPORT}"], False),
        (["--client-env", "REMOTE_PORT={TCP6REMOTEPORT}"], False),
    ],
)
def test_a_decision_is_lasting_if_nothing_but_addresses_and_files_can_change_it(
    options: list[str], expected: bool
) -> None:  # fmt: skip
    assert gate(*options).is_lasting is expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [("", True), (": setenv X %a", True), (": setenv X %r", False), (": setenv X %n", False), (": nice", False)],
)
def test_a_rule_of_hosts_allow_may_be_about_one_connection(tmp_path: Path, options: str, expected: bool) -> None:
    (tmp_path / "hosts.allow").write_text(f"server : 192.0.2. {options}\n")
    assert gate("--hosts-access", f"server,{tmp_path}").is_lasting is expected


def test_the_local_name_is_the_servers_to_see() -> None:
    named = gate("--local-name", "Mail.example.com")
    assert named.is_lasting
    environment = named.environment({}, client("2001:db8::1"), named.decide(client("2001:db8::1")), None)
    assert environment[b"TCPLOCALHOST"] == environment[b"TCP6LOCALHOST"] == b"Mail.example.com"


@pytest.mark.parametrize(("option", "protocol"), [("--ssl-variables", b"TCP"), ("--ssl-variables=SSL", b"SSL")])
def test_the_client_has_the_names_of_ucspi_ssl_too(option: str, protocol: bytes) -> None:
    here = gate(option, "--local-name", "here")
    known = here.environment({}, client(), here.decide(client()), None)
    beside = {name[3:]: value for name, value in known.items() if name.startswith(b"SSL")}
    assert beside == {name[3:]: value for name, value in known.items() if name.startswith(b"TCP")}
    assert {b"REMOTEIP", b"REMOTEPORT", b"LOCALIP", b"LOCALPORT", b"LOCALHOST"} <= set(beside)
    assert known[b"PROTO"] == protocol


def test_a_rule_is_stronger_than_the_names_of_ucspi_ssl(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(":allow,PROTO='TCP',SSLREMOTEIP='x'\n")
    here = gate("--ssl-variables=SSL", "--rules", str(tmp_path / "rules"))
    known = here.environment({}, client(), here.decide(client()), None)
    assert (known[b"PROTO"], known[b"SSLREMOTEIP"]) == (b"TCP", b"x")


def told(of: Peer, *options: str, base: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
    here = gate(*options)
    return here.environment(base or {}, of, here.decide(of), None)


def test_a_variable_can_say_of_the_client_what_another_program_said() -> None:
    options = (
        "--client-env",
        "TCPREMOTEADDR={TCPREMOTEIP}:{TCPREMOTEPORT}",
        "--client-env",
        "P=x{PROTO}",
        "--env",
        "P=y",
    )
    known = told(client("192.0.2.1"), *options, base={b"P": b"old"})
    assert known[b"TCPREMOTEADDR"] == known[b"TCPREMOTEIP"] + b":" + known[b"TCPREMOTEPORT"]
    assert known[b"P"] == b"xTCP"


def test_a_variable_about_what_is_not_known_of_the_client_is_not_set() -> None:
    """Not even to the value of another client that an inherited variable may have."""
    options = ("--client-env", "CLIENT={TCP6REMOTEIP}", "--client-env", "NAME=a {TCPREMOTEHOST}")
    known = told(client("192.0.2.1"), *options, base={b"CLIENT": b"old", b"NAME": b"old"})
    assert not {b"CLIENT", b"NAME"} & set(known)
    assert told(client("2001:db8::1"), *options)[b"CLIENT"] == b"2001:db8::1"
    named = client("192.0.2.1")
    named.host = "host.example"
    assert told(named, *options)[b"NAME"] == b"a host.example"


def test_a_rule_is_stronger_than_a_variable_that_names_the_client(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(":allow,A='rule'\n")
    assert told(client(), "--client-env", "A={TCPREMOTEIP}", "--rules", str(tmp_path / "rules"))[b"A"] == b"rule"


def decided(gate: Gate, peer: Peer) -> Verdict:
    """The verdict on a client about which nothing has to be asked."""
    verdict, questions = gate.decide_or_ask(peer)
    assert questions is None
    assert verdict is not None
    return verdict


def asked(gate: Gate, peer: Peer) -> Questions:
    verdict, questions = gate.decide_or_ask(peer)
    assert verdict is None
    assert questions is not None
    assert questions.peer is peer
    return questions


def test_a_client_that_is_refused_by_its_address_is_not_looked_up() -> None:
    one = looking("--hostname", "--ident", "--dnsbl", "bl.example", "--deny", "192.0.2.0/24")
    assert decided(one, client()).outcome == DENY
    questions = asked(one, client("198.51.100.1"))
    assert (questions.hostname, questions.paranoid, questions.ident) == (True, False, 5)
    assert questions.zones == {"bl.example": False}


def test_a_client_about_which_nothing_is_asked_is_decided_about_at_once() -> None:
    one = looking("--dnsbl", "bl.example", "--relay", "198.51.100.0/24")
    for address in ("10.1.2.3", "127.0.0.1", "fe80::1", "198.51.100.7"):
        assert decided(one, client(address)).outcome == ALLOW
    assert decided(looking("--hostname", "--ident"), Peer("UNIX")).outcome == ALLOW


def test_rules_that_may_be_about_names_wait_for_them(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text('192.0.2.7:allow,BLOCK=""\n=good.example:allow\n:deny\n')
    rules = ("--rules", f"{tmp_path}/rules")
    lists = ("--dnsbl", "bl.example,BLOCK")
    assert asked(looking(*rules, "--hostname"), client("192.0.2.8")).zones == {}
    assert decided(looking(*rules, *lists), client("192.0.2.8")).outcome == DENY
    assert decided(looking(*rules, *lists), client()).variables == {b"BLOCK": b""}  # the rule exempts this one
    assert asked(looking(*rules, *lists, "--ident"), client()).zones == {"bl.example": True}


def test_a_rule_that_refuses_behind_one_that_must_wait_does_not_decide_first() -> None:
    one = looking("--ident", "--dnsbl", "bl.example")
    waiting, refusing = Fixed(Verdict(NO_MATCH)), Fixed(Verdict(DENY, Cause("later")))
    waiting.needs_process = True
    one.checks = [waiting, refusing]
    questions = asked(one, client())
    assert (questions.zones, questions.by_rule) == ({"bl.example": False}, True)
    assert waiting.asked == 0
    one.checks = [refusing, waiting]
    assert decided(one, client()) is refusing.verdict


def test_rules_are_stronger_than_lists(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text('192.0.2.7:allow,BLOCK_IP="rule"\n:allow\n')
    peer = client()
    peer.listings = {"bl.example": Listing((pack("127.0.0.2"),))}
    verdict = looking("--rules", f"{tmp_path}/rules", "--dnsbl", "bl.example,BLOCK").decide(peer)
    assert verdict.variables[b"BLOCK_IP"] == b"rule"
    assert verdict.variables[b"BLOCK_ZONE"] == b"bl.example"
    assert str(verdict.cause or "") == f"{tmp_path}/rules:1"


def test_the_log_is_told_what_is_not_known() -> None:
    one = gate("--relay", "192.0.2.0/24")
    peer = client()
    assert one.note(peer) == "relay (192.0.2.0/24)"
    peer.problems = ["no host name: x", "no answer from the DNS list y"]
    assert one.note(peer) == "relay (192.0.2.0/24); no host name: x; no answer from the DNS list y"
    assert gate().note(client()) == ""
