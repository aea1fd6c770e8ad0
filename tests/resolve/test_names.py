"""Host names of addresses: what is believed, what is not, and how long it may take."""

import errno
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sockgate.core.host_names import CONFIRMED, FAILED, LONGEST_NAME, NONE, UNCONFIRMED, HostName
from sockgate.core.peer import pack
from sockgate.resolve.forked import within
from sockgate.resolve.host_lookup import Resolver, why_unusable
from sockgate.resolve.tasks import Unable
from tests.connection.launch import Launcher, internet, make_launcher
from tests.differential.namespace import Namespace, require
from tests.resolve.nameserver import SERVFAIL, SILENT, Zone, address_of, alias, pointer, serving

ZONE: Zone = (
    pointer("10.0.0.1", b"Mail", b"example", b"com") | address_of("mail.example.com", "10.0.0.9", "10.0.0.1")
    | pointer("10.0.0.2", b"stolen", b"example", b"com") | address_of("stolen.example.com", "10.0.0.9")
    | pointer("10.0.0.3", b"nowhere", b"example", b"com")
    | pointer("10.0.0.4", b"www", b"example", b"com") | alias("www.example.com", "host.example.com", "10.0.0.4")
    | {("5.0.0.10.in-addr.arpa", "PTR"): SERVFAIL, ("6.0.0.10.in-addr.arpa", "PTR"): SILENT}
    | pointer("10.0.0.7", b"late", b"example", b"com") | {("late.example.com", "A"): SILENT}
    | pointer("10.0.0.8", b"broken", b"example", b"com") | {("broken.example.com", "A"): SERVFAIL}
    | pointer("10.0.0.10", b"10", b"0", b"0", b"10") | address_of("10.0.0.10", "10.0.0.10")
    | pointer("10.0.0.11", b"a\0b", b"example", b"com")
    | pointer("10.0.0.12", b"a.example", b"com") | address_of("a.example.com", "10.0.0.12")
    | pointer("10.0.0.13", b"() { :;}; echo", b"example", b"com")
    | pointer("10.0.0.14", b"caf\xc3\xa9", b"example", b"com")
    | pointer("10.0.0.15", b"a_b-c", b"example", b"com") | address_of("a_b-c.example.com", "10.0.0.15")
    | pointer("10.0.0.16", b"only", b"six", b"example") | address_of("only.six.example", "fd00::1")
    | pointer("127.0.0.2", b"two", b"example", b"com") | address_of("two.example.com", "127.0.0.2")
    | pointer("127.0.0.3", b"two", b"example", b"com") | {("4.0.0.127.in-addr.arpa", "PTR"): SILENT}
    | pointer("fd00::1", b"six", b"example", b"com") | address_of("six.example.com", "fd00::1")
)  # fmt: skip


SILENT_HOST = "127.0.0.4"  # no server tells its name


@pytest.fixture(scope="module")
def network() -> Iterator[Namespace]:
    require("ip")
    etc = {"nsswitch.conf": "hosts: dns\n", "resolv.conf": "nameserver 127.0.0.1\noptions timeout:30\n"}
    with Namespace(etc) as network, serving(network, ZONE):
        yield network


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return make_launcher(tmp_path)


def look_up(network: Namespace, address: str, seconds: float = 60) -> HostName:
    return network.run(lambda: Resolver(seconds).name_of(pack(address)))


@pytest.mark.parametrize(
    ("address", "state", "text", "problem"),
    [
        ("10.0.0.1", CONFIRMED, "mail.example.com", ""),
        ("10.0.0.15", CONFIRMED, "a_b-c.example.com", ""),
        ("fd00::1", CONFIRMED, "six.example.com", ""),
        ("10.0.0.2", UNCONFIRMED, "stolen.example.com", "stolen.example.com has another address"),
        ("10.0.0.3", UNCONFIRMED, "nowhere.example.com", "nowhere.example.com has no address"),
        ("10.0.0.16", UNCONFIRMED, "only.six.example", "only.six.example has no address"),
        ("10.9.9.9", NONE, "", ""),
        ("fd00::9", NONE, "", ""),
        ("10.0.0.10", FAILED, "", "its name looks like an address"),
    ],
)
def test_a_name_counts_as_sure_only_if_it_leads_back(
    network: Namespace, address: str, state: str, text: str, problem: str
) -> None:
    host = look_up(network, address)
    assert (host.state, host.text, host.problem) == (state, text, problem)


def test_a_name_that_is_an_alias_is_told_from_one_that_is_not(network: Namespace) -> None:
    assert look_up(network, "10.0.0.1").canonical
    host = look_up(network, "10.0.0.4")
    assert (host.state, host.text, host.canonical) == (CONFIRMED, "www.example.com", False)


@pytest.mark.parametrize("address", ["10.0.0.11", "10.0.0.13", "10.0.0.14"])
def test_a_name_with_other_characters_than_those_of_host_names_is_no_answer(network: Namespace, address: str) -> None:
    host = look_up(network, address)
    assert host.state in (NONE, FAILED)
    assert host.text == ""


def test_a_label_with_a_dot_inside_does_not_pass_for_two(network: Namespace) -> None:
    assert look_up(network, "10.0.0.12").state != CONFIRMED


@pytest.mark.parametrize(
    ("address", "text", "problem"),
    [
        ("10.0.0.5", "", "Temporary failure in name resolution"),
        ("10.0.0.8", "broken.example.com", "Temporary failure in name resolution"),
    ],
)
def test_a_server_that_fails_is_not_one_that_knows_no_name(
    network: Namespace, address: str, text: str, problem: str
) -> None:
    host = look_up(network, address)
    assert (host.state, host.text, host.problem) == (FAILED, text, problem)


@pytest.mark.parametrize(("address", "text"), [("10.0.0.6", ""), ("10.0.0.7", "late.example.com")])
def test_all_look_ups_together_end_at_the_deadline(network: Namespace, address: str, text: str) -> None:
    begin = time.monotonic()
    resolver = Resolver(3)
    for _ in range(2):  # the second is not even asked
        host = network.run(partial(resolver.name_of, pack(address)))
        assert (host.state, host.text, host.problem) == (FAILED, text, "no answer in time")
    assert 2.9 < time.monotonic() - begin < 6
    assert network.run(lambda: resolver.name_of(pack("10.0.0.1"))).state == FAILED


def test_a_name_is_asked_for_once() -> None:
    resolver = Resolver(5)
    assert resolver.name_of(pack("127.0.0.1")) is resolver.name_of(pack("127.0.0.1"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("mail.example.com", ""),
        ("localhost", ""),
        ("x" * LONGEST_NAME, ""),
        ("x" * (LONGEST_NAME + 1), "its name is not a host name"),
        ("", "its name is not a host name"),
        ("a b", "its name is not a host name"),
        ("a\n", "its name is not a host name"),
        ("mäil", "its name is not a host name"),
        ("-froot.example.com", "its name is not a host name"),
        ("..", "its name is not a host name"),
        (".example.com", "its name is not a host name"),
        ("a..b", "its name is not a host name"),
        ("_a-b-.c", ""),
        ("192.0.2.1", "its name looks like an address"),
        ("1", "its name looks like an address"),
        ("a.1", "its name looks like an address"),
        ("0x7f.0x1", "its name looks like an address"),
        ("::1", "its name is not a host name"),
    ],
)
def test_only_names_that_cannot_be_mistaken_are_compared(name: str, problem: str) -> None:
    assert why_unusable(name) == problem


def sleeping() -> str:
    time.sleep(60)
    return ""


def test_a_look_up_answers_with_a_text_or_why_not() -> None:
    def fail() -> str:
        raise ValueError("no\udcff")

    def killed() -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""

    soon = time.monotonic() + 60
    assert within(soon, lambda: "an answer") == "an answer"
    assert within(soon, lambda: "") == ""
    for function, message in (
        (fail, "no?"),
        (killed, "the look-up died"),
        (lambda: "x" * (1 << 24), "the look-up died"),
    ):
        with pytest.raises(Unable) as caught:
            within(soon, function)
        assert str(caught.value) == message
    with pytest.raises(Unable, match=r"^no answer in time$"):
        within(time.monotonic() - 1, sleeping)


def test_no_look_up_leaves_a_process_or_a_descriptor_behind() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(Unable):
            within(time.monotonic() + 0.01, sleeping)
    assert sorted(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_child_that_cannot_be_started_is_a_look_up_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    for function in ("posix.fork", "_socket.socketpair"):
        with monkeypatch.context() as patch:
            patch.setattr(function, refuse)
            host = Resolver(5).name_of(pack("127.0.0.1"))
            assert (host.state, host.problem) == (FAILED, "Resource temporarily unavailable")
            assert Resolver(5).is_in_netgroup("x", "y") is None


def test_an_unknown_netgroup_has_no_members() -> None:
    assert Resolver(5).is_in_netgroup("no-such-group-here", "mail.example.com") is False


@pytest.mark.parametrize(
    ("options", "source", "served"),
    [
        (("--only-from", ".example.com"), "127.0.0.2", True),
        (("--only-from", ".example.com"), "127.0.0.3", False),  # which claims the other's name
        (("--only-from", ".example.com"), SILENT_HOST, False),
        (("--only-from", ".example.com"), "127.0.0.9", False),
        (("--no-access", ".example.com"), "127.0.0.2", False),
        (("--no-access", ".example.com"), "127.0.0.3", False),
        (("--no-access", ".example.com"), SILENT_HOST, False),
        (("--no-access", ".example.com"), "127.0.0.9", True),
    ],
)
def test_a_gate_looks_up_the_names_that_its_rules_are_about(
    network: Namespace, launcher: Launcher, options: tuple[str, str], source: str, served: bool
) -> None:
    timeout = 1 if source == SILENT_HOST else 10
    words = [*options, "--timeout", str(timeout), "--", "/bin/echo", "served"]
    outcome = network.run(lambda: launcher.run(internet("0.0.0.0", source), words))
    assert (outcome.code, outcome.said) == (0, b"served\n" if served else b"")
