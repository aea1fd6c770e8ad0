"""What large tables of hosts_access(5) cost: to read a line is cheap, and a decision does not grow with the table."""

from pathlib import Path

import pytest

from sockgate.access import hosts_access, hosts_rules
from sockgate.core import ALLOW, DENY, NO_MATCH
from sockgate.core.host_names import CONFIRMED
from tests.access.hosts_tables import named, read
from tests.core.clients import client

LINES = 5000
DAEMONS = ("ALL", "smtpd", "in.telnetd, smtpd", "ALL, sshd@10.1.2.3")


class Counted(hosts_rules.Rule):
    """A rule that counts how many are built, and how many are compared."""

    built = compared = 0

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        Counted.built += 1

    def decide(self, request: object) -> object:  # type: ignore[override]
        Counted.compared += 1
        return super().decide(request)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    Counted.built = Counted.compared = 0
    monkeypatch.setattr(hosts_access, "Rule", Counted)


def address(number: int) -> str:
    return f"10.{number >> 8}.{number & 255}.7"


FORMS = [
    "{ip}", "{net}.", "{net}.0/24", "{net}.0/255.255.255.0", "{ip}, 11.{octet}.", ".bad{n}.example.com",
    "{ip}: severity info", "{ip} .bad{n}.example.com : deny",
]  # fmt: skip


@pytest.mark.parametrize("daemons", DAEMONS)
@pytest.mark.parametrize("form", FORMS)
def test_rules_of_addresses_and_names_are_not_built_and_a_client_meets_at_most_one(
    tmp_path: Path, form: str, daemons: str
) -> None:
    lines = (form.format(ip=address(n), net=address(n).rpartition(".")[0], n=n, octet=n & 255) for n in range(LINES))
    access = read(tmp_path, "ALL: 192.0.2.9\n", "".join(f"{daemons}: {line}\n" for line in lines))
    assert Counted.built == 0
    for peer, outcome in (
        (named(CONFIRMED, "good.example.com", ip="192.0.2.1"), NO_MATCH),
        (named(CONFIRMED, "x.bad7.example.com", ip=address(LINES - 1)), DENY),
        (named(CONFIRMED, "good.example.com", ip="192.0.2.9"), ALLOW),
    ):
        Counted.compared = 0
        assert access.decide(peer).outcome == outcome
        assert Counted.compared <= 1


def test_rules_for_other_daemons_are_not_built(tmp_path: Path) -> None:
    rules = "".join(f"sshd, in.ftpd: {address(n)} EXCEPT 10.: twist x\n" for n in range(LINES))
    assert read(tmp_path, rules, rules).decide(client(address(3))).outcome == NO_MATCH
    assert (Counted.built, Counted.compared) == (0, 0)


def test_a_client_meets_only_the_rules_with_exceptions_or_ports_that_name_it(tmp_path: Path) -> None:
    rules = "".join(f"ALL EXCEPT sshd: {address(n)} EXCEPT 10.9.\n25: 11.{n & 255}.\n" for n in range(250))
    access = read(tmp_path, rules, "ALL: ALL\n")
    for ip, outcome in ((address(17), ALLOW), ("192.0.2.1", DENY), ("11.200.0.1", ALLOW)):
        Counted.compared = 0
        assert access.decide(client(ip)).outcome == outcome
        assert Counted.compared <= 2


def test_a_file_of_thousands_of_patterns_is_one_look_up(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("".join(f"{address(n)} .bad{n}.example.com\n" for n in range(LINES)))
    access = read(tmp_path, "", f"ALL: {tmp_path}/list\n")
    assert access.decide(named(CONFIRMED, "x.bad9.example.com", ip="192.0.2.1")).outcome == DENY
    assert access.decide(named(CONFIRMED, "good.example.com", ip=address(LINES - 1))).outcome == DENY
    Counted.compared = 0
    assert access.decide(named(CONFIRMED, "good.example.com", ip="192.0.2.1")).outcome == NO_MATCH
    assert Counted.compared == 0


def test_of_two_rules_for_one_client_the_first_decides(tmp_path: Path) -> None:
    access = read(tmp_path, "", "ALL: .example.com: allow\nALL: 10.1.2.3\nALL: ALL: allow\n")
    assert access.decide(named(CONFIRMED, "a.example.com", ip="10.1.2.3")).outcome == ALLOW
    assert access.decide(named(CONFIRMED, "a.example.net", ip="10.1.2.3")).outcome == DENY
    access = read(tmp_path, "", "ALL: 10.1.2.3\nALL: .example.com: allow\n")
    assert access.decide(named(CONFIRMED, "a.example.com", ip="10.1.2.3")).outcome == DENY
