"""--log and --log-address: what stands in the log of both gates, and that nothing else about a client does."""

import re
from collections.abc import Sequence

import pytest

from sockgate.connection import Gate, log_choice
from sockgate.connection.log import Log
from sockgate.connection.log_choice import KINDS, LogChoice, choice_of
from sockgate.core import ALLOW, DENY, Cause, UsageError, Verdict
from sockgate.core.host_names import UNCONFIRMED, HostName
from sockgate.core.options import parse
from tests.connection.launch import Launcher, internet
from tests.core.clients import client, local_user

SERVED, DENIED = ["/bin/echo", "hello"], ["--deny", "127.0.0.1", "/bin/echo", "hello"]


def choice(*words: str) -> LogChoice:
    return choice_of(parse([*words, "server"]))


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (["--log", "accepted"], {"accepted"}),
        (["--log", "accepted,refused"], {"accepted", "refused"}),
        (["--log=accepted", "--log", "ended gone"], {"accepted", "ended", "gone"}),
        (["--log", "none"], set()),
        (["--log-address", "none"], set(KINDS)),
    ],
)
def test_the_kinds_that_are_named_are_written(words: list[str], kinds: set[str]) -> None:
    assert choice(*words).kinds == kinds


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--log", "start"], "--log: 'start' is none of: accepted ended refused gone (none alone for no record)"),
        (["--log", ""], "--log: '' is none of: accepted ended refused gone (none alone for no record)"),
        (["--log", "none refused"], "--log: 'none' is none of: accepted ended refused gone (none alone for no record)"),
        (["--log-address", "short"], "--log-address: 'short' is none of: full network none"),
        (["--log-address", ""], "--log-address: '' is none of: full network none"),
    ],
)
def test_a_wrong_word_is_named_with_what_would_be_right(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        choice(*words)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.77", "192.0.2.0"), ("2001:db8:1:2::77", "2001:db8:1::"), ("::ffff:192.0.2.77", "192.0.2.0")],
)
def test_an_address_is_shortened_to_its_network(address: str, network: str) -> None:
    shown = choice("--log-address", "network").shown(client(address, "mail.example.org", "joe"))
    assert (shown.remote_ip, shown.remote_port, shown.host, shown.info) == (network, 4711, None, None)


def test_the_peer_itself_keeps_its_address() -> None:
    peer = client("192.0.2.77", "mail.example.org")
    choice("--log-address", "none").shown(peer)
    assert (peer.remote_ip, peer.host) == ("192.0.2.77", "mail.example.org")


def test_a_local_user_has_no_address_to_hide() -> None:
    assert choice("--log-address", "none").shown(local_user()).source == "uid 1000"


class Written(Log):
    """A log that keeps what it would send to the journal."""

    def __init__(self, *words: str) -> None:
        super().__init__("sockgate", "smtp", b"")
        self.choice = choice(*words)
        self.sent: list[str] = []

    def record(self, priority: int, message_id: str, message: str, *fields: object) -> None:
        self.sent.append(f"{priority} {message_id} {message} {[str(value) for field in fields for value in field]}")  # type: ignore[attr-defined]


SECRETS = ("4711", "192.0.2.77", "mail.example.org", "joe")


@pytest.mark.parametrize("address", ["network", "none"])
def test_no_record_of_a_decision_names_the_client(address: str) -> None:
    log = Written("--log-address", address)
    peer = client("192.0.2.77", "mail.example.org", "joe")
    peer.local_host = "mx"
    rule = Cause("--deny", "192.0.2.77 10.0.0.0/8")
    reason = "joe at mail.example.org (192.0.2.77) is in --deny 192.0.2.77"
    for outcome in (ALLOW, DENY):
        log.verdict(peer, Verdict(outcome, rule, reason), allowed=outcome == ALLOW, note=f"{peer.source}: no name")
    log.failure("unable to decide about 192.0.2.77", peer, 100)
    assert len(log.sent) == 3
    secrets = SECRETS if address == "none" else SECRETS[1:]
    assert [secret for secret in secrets if any(secret in record for record in log.sent)] == []
    assert all("10.0.0.0/8" in record for record in log.sent[:2])
    assert all("SOCKGATE_LOCAL_PORT" in record for record in log.sent)


def test_what_stays_when_no_address_is_wanted() -> None:
    log = Written("--log-address", "none")
    log.verdict(client("192.0.2.77"), Verdict(DENY, Cause("--deny", "any"), "in --deny any"), allowed=False)
    assert "refused a client on 127.0.0.1:25: in --deny any" in log.sent[0]
    assert "SOCKGATE_REMOTE" not in log.sent[0]


def lines(launcher: Launcher, words: Sequence[str]) -> list[str]:
    return launcher.run(internet(), ["--name", "smtp", *words]).log.splitlines()


@pytest.mark.parametrize(
    ("kinds", "words", "logged"),
    [
        ("accepted", SERVED, True),
        ("refused,gone", SERVED, False),
        ("none", SERVED, False),
        ("refused", DENIED, True),
        ("accepted", DENIED, False),
        ("none", DENIED, False),
    ],
)
def test_sockgate_writes_the_records_that_are_wanted(
    launcher: Launcher, kinds: str, words: list[str], logged: bool
) -> None:
    assert len(lines(launcher, ["--log", kinds, *words])) == logged


def test_what_is_wrong_here_is_always_written(launcher: Launcher) -> None:
    [line] = lines(launcher, ["--log", "none", "/missing/server"])
    assert "unable to run '/missing/server'" in line


def test_sockgate_shows_no_more_of_the_address_than_is_wanted(launcher: Launcher) -> None:
    assert "127.0.0.1:" not in lines(launcher, ["--log-address", "none", *SERVED])[0].partition(" on ")[0]
    assert re.search(r"accepted 127\.0\.0\.0:\d+ on ", lines(launcher, ["--log-address", "network", *SERVED])[0])
    [line] = lines(launcher, ["--log-address", "none", *DENIED])
    assert line.endswith(": in --deny a client")
    assert "refused a client on 127.0.0.1:" in line


def test_the_server_still_learns_the_address(launcher: Launcher) -> None:
    outcome = launcher.run(internet(), ["--log-address", "none", "/bin/sh", "-c", 'echo "$TCPREMOTEIP"'])
    assert outcome.said == b"127.0.0.1\n"


def test_wrong_options_show_no_address_either(launcher: Launcher) -> None:
    for wrong in (["--no-such-option"], ["--deny"], ["--log", "wrong"]):
        [line] = lines(launcher, ["--log-address", "none", *wrong])
        assert "refused a client on 127.0.0.1:" in line
    [line] = lines(launcher, ["--no-such-option"])
    assert "refused 127.0.0.1:" in line


@pytest.mark.parametrize(
    ("ip", "text", "left"),
    [
        ("2001:db8::77", "[2001:DB8:0::0077]: deny", "[X]: deny"),
        ("2001:db8::77", "2001:DB8::77:deny,A=b", "X:deny,A=b"),
        ("2001:db8::77", "joe@2001:db8:0:0:0:0:0:77:deny", "joe@X:deny"),
        ("192.0.2.77", "smtpd:192.0.2.77:deny", "smtpd:X:deny"),
        ("192.0.2.77", "::FFFF:C000:24d is it", "X is it"),
        ("192.0.2.77", "in --deny 192.0.2.76/31", "in --deny X/31"),
        ("192.0.2.77", "in --deny 192.0.2.0/24", "in --deny 192.0.2.0/24"),
        ("192.0.2.77", "192.0.2.76/31:deny", "X/31:deny"),
        ("192.0.2.77", "in 192.0.2.76/31.", "in X/31."),
        ("192.0.2.77", "smtpd:192.0.2.76/255.255.255.252:deny", "smtpd:X/255.255.255.252:deny"),
        ("192.0.2.77", "192.0.2.0/255.255.255.0:deny", "192.0.2.0/255.255.255.0:deny"),
        ("2001:db8::77", "see 2001:DB8::77/a.b", "see X/a.b"),
        ("2001:db8::77", "2001:DB8::76/127:deny", "X/127:deny"),
        ("192.0.2.77", "192.0.2.76-192.0.2.77 ", "192.0.2.76-X "),
        ("192.0.2.77", "https://list.example/ip/192.0.2.77.", "https://list.example/ip/X."),
        ("192.0.2.77", "smtpd: MAIL.Example.ORG: deny", "smtpd: X: deny"),
        ("192.0.2.77", "not in .net: mail.example.org has another address", "not in .net: X has another address"),
        ("192.0.2.77", "no host name: claimed.example has another address", "no host name: X has another address"),
    ],
)  # fmt: skip
def test_no_spelling_of_the_address_and_no_name_that_was_looked_up_stays(ip: str, text: str, left: str) -> None:
    peer = client(ip, "mail.example.org", "joe")
    peer.claimed = "claimed.example"
    for address in ("network", "none"):
        one = choice("--log-address", address)
        shown = one.shown(peer).remote_ip or "a client"
        assert one.text(text, peer) == left.replace("X", shown).replace("joe@", f"{shown}@")


def test_a_text_of_many_colons_costs_no_more_than_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of a DNS list: the gate looks at each address that may stand in it, and at no longer piece."""
    looks: list[str] = []
    monkeypatch.setattr(log_choice, "is_within", lambda address, *_: looks.append(address))
    choice("--log-address", "none").text("a:" * 500 + "2:3:4:5:6:7::", client("2001:db8::77"))
    assert "2:3:4:5:6:7::" in looks
    assert len(looks) < 500 * 20


def test_a_user_that_is_called_as_a_part_of_a_word_changes_no_other_word() -> None:
    peer = client("192.0.2.77", None, "deny")
    text = "in --deny any, denying deny@192.0.2.77"
    assert choice("--log-address", "none").text(text, peer) == "in --deny any, denying a client@a client"


class Named:
    """The name service, about a client with a name that leads elsewhere."""

    def name_of(self, packed: bytes) -> HostName:
        return HostName(UNCONFIRMED, "mail.example.org", "mail.example.org has another address")

    def is_in_netgroup(self, group: str, host: str) -> bool | None:
        return None


@pytest.mark.parametrize("option", ["--only-from", "--no-access"])
def test_a_name_that_only_a_rule_asked_for_stands_in_no_record(option: str) -> None:
    peer = client("192.0.2.77")
    peer.names = Named()
    gate = Gate(parse(["--log-address", "none", option, ".example.net mail.example.org", "server"]))
    verdict = gate.decide(peer)
    assert "mail.example.org" in verdict.reason
    log = Written("--log-address", "none")
    log.verdict(peer, verdict, allowed=False)
    assert "has another address" in log.sent[0] or "in --no-access" in log.sent[0]
    assert "mail.example.org" not in log.sent[0]
