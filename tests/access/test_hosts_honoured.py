"""Rules of hosts.allow and hosts.deny that cannot be honoured: whom they refuse, and that nobody else notices."""

from pathlib import Path

import pytest

from sockgate.core import ALLOW, DENY, NO_MATCH
from tests.access.hosts_tables import read
from tests.core.clients import client

CLIENTS = ("10.1.2.3", "11.0.0.1", "2001:db8::1")
NOT_HERE = ("spawn (/bin/true) &", "twist /bin/echo no", "user nobody", "group mail", "linger 5", "aclexec /bin/true",
            "rfc931 5")  # fmt: skip


def outcomes(folder: Path, allow: str, deny: str = "") -> list[str]:
    access = read(folder, allow, deny)
    return [access.decide(client(ip)).outcome for ip in CLIENTS]


def told(folder: Path, allow: str, deny: str = "") -> list[str]:
    return [str(warning).removeprefix(f"{folder}/") for warning in read(folder, allow, deny).warnings]


@pytest.mark.parametrize("option", NOT_HERE)
def test_an_option_of_a_rule_that_refuses_means_refuse_and_is_warned_of(tmp_path: Path, option: str) -> None:
    tables = "smtpd: 10.\n", f"ALL: ALL: {option}\n"
    assert outcomes(tmp_path, *tables) == [ALLOW, DENY, DENY]
    key = option.split()[0]
    assert told(tmp_path, *tables) == [
        f"hosts.deny:1: the option {key!r} cannot be honoured here: its clients are refused without that"
    ]
    assert outcomes(tmp_path, f"ALL: 11.: {option}: deny\nALL: ALL\n") == [ALLOW, DENY, ALLOW]
    access = read(tmp_path, *tables)
    assert not access.needs_process
    assert access.decide(client("11.0.0.1")).reason == f"{tmp_path}/hosts.deny:1: ALL: ALL: {option}"


@pytest.mark.parametrize("option", [*NOT_HERE, "bogus", "umask 8", "allow: nice", "(/bin/safe_finger) &"])
def test_a_rule_that_would_let_in_and_cannot_be_honoured_refuses_only_the_clients_that_it_reaches(
    tmp_path: Path, option: str
) -> None:
    tables = f"ALL: 10.1.\nALL: 11.: {option}\nALL: ALL\n", ""
    assert outcomes(tmp_path, *tables) == [ALLOW, DENY, ALLOW]
    (warning,) = told(tmp_path, *tables)
    assert warning.startswith("hosts.allow:2: ")
    assert warning.endswith(": its clients are refused")
    verdict = read(tmp_path, *tables).decide(client("11.0.0.1"))
    assert verdict.reason.startswith(f"{tmp_path}/hosts.allow:2: ALL: 11.: {option}: ")
    assert outcomes(tmp_path, "", f"ALL: 11.: {option}: allow\nALL: 10.: deny\n") == [DENY, DENY, NO_MATCH]


@pytest.mark.parametrize(
    "behind",
    ["ALL: ALL: spawn x", "ALL: 10.: twist x", "ALL: 10.0.0", "ALL 10.", "ALL: /no/such/file", "ALL: root@ALL",
     "ALL: 10.1.2.3/8", "ALL: 2001:db8::1", "ALL: ALL: bogus", "smtpd@: ALL", "ALL: ALL EXCEPT", ": ALL"],
)  # fmt: skip
def test_what_stands_behind_a_catch_all_does_not_count(tmp_path: Path, behind: str) -> None:
    assert outcomes(tmp_path, f"ALL: ALL\n{behind}\n", f"{behind}\n") == [ALLOW] * 3
    assert len(told(tmp_path, f"ALL: ALL\n{behind}\n")) >= 1
    assert outcomes(tmp_path, "ALL: 10.\n", f"ALL: ALL\n{behind}\n") == [ALLOW, DENY, DENY]


@pytest.mark.parametrize(
    ("rule", "about"),
    [
        ("ALL: 10.1.2", [True, False, False]),
        ("ALL: 11", [False, True, False]),
        ("ALL: 10.1.2.0.", [True, True, False]),
        ("ALL: 10.1.2.9/24", [True, False, False]),
        ("ALL: 10.1.2.3/255.255.0.0", [True, False, False]),
        ("ALL: 10.0.0.0/8x", [True, True, False]),
        ("ALL: 10.0.0.0/0", [True, True, False]),
        ("ALL: [10.1.2.3]", [True, False, False]),
        ("ALL: [::ffff:11.0.0.1]", [False, True, False]),
        ("ALL: [2001:db8::]/x", [False, False, True]),
        ("ALL: [2001:db8::1", [False, False, True]),
        ("ALL: 2001:db8::/32", [False, False, True]),
        ("ALL: 2001:db9::/32", [False, False, False]),
        ("ALL:2001:db8::1", [False, False, True]),
        ("smtpd, sshd: 10.9. 2001:db8::1", [False, False, True]),
        ("ALL: 2001:db8::1: deny", [False, False, True]),
        ("ALL: root@2001:db8::1", [False, False, True]),
        ("ALL: ALL EXCEPT 11.0.0", [True, True, True]),
        ("ALL: /no/such/file", [True, True, True]),
        ("ALL: root@10.", [True, False, False]),
        ("ALL: host!", [True, True, True]),
        ("ALL:", [True, True, True]),
        (": 10.", [True, False, False]),
        ("ALL 10.", [True, False, False]),
        ("ALL", [True, True, True]),
        ("smtpd 11.0.0.1 2001:db8::1", [False, True, True]),
        ("this is junk", [False, False, False]),
        ("sshd ALL", [False, False, False]),
    ],
)
def test_a_rule_that_is_not_written_right_lets_no_client_in_and_refuses_those_that_it_may_be_about(
    tmp_path: Path, rule: str, about: list[bool]
) -> None:
    assert outcomes(tmp_path, "ALL: 192.0.2.1\n", f"{rule}\n") == [DENY if it_is else NO_MATCH for it_is in about]
    if not rule.endswith(("deny", "EXCEPT 11.0.0")):
        assert outcomes(tmp_path, f"{rule}\n", "ALL: ALL\n") == [DENY] * 3
        assert outcomes(tmp_path, f"{rule}\nALL: ALL\n", "ALL: ALL\n") == [ALLOW] * 3
    assert told(tmp_path, "", f"{rule}\n") != []


def test_an_ipv6_address_without_brackets_is_named_and_the_other_lines_go_on_working(tmp_path: Path) -> None:
    allow = "ALL: 192.0.2.5\nALL: 2001:db8::/48\nALL: 11.\n"
    access = read(tmp_path, allow, "ALL: ALL\n")
    assert [access.decide(client(ip)).outcome for ip in ("192.0.2.5", "11.0.0.1", "2001:db8::1")] == [
        ALLOW,
        ALLOW,
        DENY,
    ]
    assert told(tmp_path, allow, "ALL: ALL\n") == [
        "hosts.allow:2: an IPv6 address stands in brackets: it lets no client in (write [2001:db8::]/48)"
    ]


def test_an_ipv4_address_beside_an_ipv6_address_without_brackets_is_not_let_in(tmp_path: Path) -> None:
    """libwrap finds an option behind the first colon, and a wrong one refuses."""
    assert outcomes(tmp_path, "ALL: 10., 2001:db8::1, 11.\n") == [DENY, DENY, NO_MATCH]


def test_brackets_in_all_places_work(tmp_path: Path) -> None:
    for rule in (
        "ALL: [2001:db8::1]",
        "ALL:[2001:db8::]/48",
        "ALL: 10.9. [2001:db8::1] 11.9.",
        "ALL: ALL@[2001:db8::1]",
    ):
        assert outcomes(tmp_path, f"{rule}\n", "ALL: ALL\n") == [DENY, DENY, ALLOW]
        assert told(tmp_path, f"{rule}\n") == []


def test_words_behind_a_number_sign_let_no_client_in(tmp_path: Path) -> None:
    assert outcomes(tmp_path, "ALL: 11. # not 10.\n", "ALL: ALL\n") == [DENY, ALLOW, DENY]
    assert outcomes(tmp_path, "", "ALL: 11. # as well as 10.\n") == [DENY, DENY, NO_MATCH]
    (tmp_path / "list").write_text("# our own\n10. # and\n")
    assert outcomes(tmp_path, f"ALL: {tmp_path}/list\n", "ALL: ALL\n") == [ALLOW, DENY, DENY]


def test_a_warning_is_given_at_most_a_hundred_times(tmp_path: Path) -> None:
    assert 100 <= len(told(tmp_path, "", "ALL: 10.0.0\n" * 500)) < 110
