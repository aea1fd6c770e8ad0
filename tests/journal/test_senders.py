"""Which records count: those that a gate has written, and not those of other users that look the same."""

from pathlib import Path

import pytest

from sockgate.connection.log import ACCEPTED, FAILED, REFUSED
from sockgate.ctl.status.tally import MOST_RULES, OTHERS, Tally
from sockgate.journal.history import Query, connections
from sockgate.journal.senders import UNKNOWN_MACHINE, GateUnit, Senders

from .export import Record, write_journal
from .records import NOON, manager, refusal, resident, success, summed, verdict

MAILER, EVE = 8, 1000
SMTP, AGENT = GateUnit("smtp", "smtp", MAILER), GateUnit("agent", "check_agent", 0)
SENDERS = Senders({"smtp": SMTP, "agent": AGENT}, frozenset({"apache2", "quiet"}))
# Where an unprivileged user's processes run: a session, the user's manager, a job, a service of the user's own,
# what a web server starts for that user, and a service of systemd's that runs no gate.
FOREIGN = (
    "session-3.scope", "user@1000.service", "cron.service", "atd.service", "ssh@7-192.0.2.1:22-192.0.2.9:4000.service",
    "apache2.service", "quiet@4.service", "init.scope", "",
)  # fmt: skip


def without_unit(record: Record, uid: int) -> Record:
    """What journald writes of a sender that has gone before it could look."""
    kept = {name: value for name, value in record.items() if not name.startswith("_SYSTEMD_")}
    return kept | {"_UID": uid}


def found(folder: Path, records: list[Record], senders: Senders, *services: GateUnit) -> list[str]:
    """Ports of the clients whose records count."""
    write_journal(folder, sorted(records, key=lambda record: record["__REALTIME_TIMESTAMP"]))
    query = Query(services=services, senders=senders, directory=str(folder))
    return [str(connection.remote_port) for connection in connections(query)]


def ports(*records: Record) -> list[str]:
    return [str(record["SOCKGATE_REMOTE_PORT"]) for record in records]


@pytest.mark.parametrize("services", [(), (SMTP,)], ids=["all", "smtp"])
def test_records_of_other_senders_do_not_count(tmp_path: Path, services: tuple[GateUnit, ...]) -> None:
    own, all_clients = verdict(0), resident(verdict(1))
    forged = [verdict(2 + number, _SYSTEMD_UNIT=unit, _UID=EVE) for number, unit in enumerate(FOREIGN)]
    for record in forged:
        del record["_SYSTEMD_SLICE"]
    assert found(tmp_path, [own, all_clients, *forged], SENDERS, *services) == ports(own, all_clients)


def test_a_record_without_a_unit_counts_if_pid_1_knows_its_run_and_the_user_is_right(tmp_path: Path) -> None:
    brief, other_user, unknown, of_another = (verdict(number) for number in range(4))
    known = [manager(begin, 0.5, "started") for begin in (brief, other_user)]
    known.append(manager(of_another, 0.5, "started") | {"UNIT": "apache2.service"})
    by_eve = manager(unknown, 0.5, "started") | {"_PID": 4711}
    records = [
        without_unit(brief, MAILER), without_unit(other_user, EVE), without_unit(unknown, MAILER),
        without_unit(of_another, MAILER), *known, by_eve,
    ]  # fmt: skip
    assert found(tmp_path / "all", records, SENDERS) == ports(brief)
    assert found(tmp_path / "smtp", records, SENDERS, SMTP) == ports(brief)


def test_the_number_of_a_run_is_no_proof_where_its_user_is_not_known(tmp_path: Path) -> None:
    """Every user can read it: `systemctl show -p InvocationID`."""
    transient, by_eve, own = (verdict(number) for number in range(3))
    known = [manager(transient, 0.5, "started") | {"UNIT": "run-r1.service"}]
    known += [manager(begin, 0.5, "started") for begin in (by_eve, own)]
    records = [without_unit(transient, EVE), without_unit(by_eve, EVE), without_unit(own, 61184), *known]
    dynamic = Senders({"smtp": GateUnit("smtp", "smtp")}, frozenset())
    assert found(tmp_path / "all", records, dynamic) == ports(own)
    assert found(tmp_path / "smtp", records, dynamic, *dynamic.named("smtp")) == ports(own)


def test_brief_sessions_of_a_gate_without_a_name_are_found_by_the_unit(tmp_path: Path) -> None:
    """Without --name a gate calls the service by its server's name."""
    usual, brief = (verdict(number, service="agent", SOCKGATE_SERVICE="check_agent") for number in range(2))
    other = verdict(2, SOCKGATE_SERVICE="check_agent")  # another service with such a server
    records = [usual, without_unit(brief, 0), other, *success(brief, 1)]
    for name in ("agent", "check_agent"):
        assert found(tmp_path / name, records, SENDERS, *SENDERS.named(name)) == ports(usual, brief)


def test_what_a_service_wrote_that_is_no_longer_there_counts(tmp_path: Path) -> None:
    gone, renamed = verdict(0, service="gone"), verdict(1, service="gone", SOCKGATE_SERVICE="old")
    assert found(tmp_path / "all", [gone, renamed], SENDERS) == ports(gone, renamed)
    assert found(tmp_path / "unit", [gone, renamed], SENDERS, *SENDERS.named("gone")) == ports(gone, renamed)
    assert found(tmp_path / "name", [gone, renamed], SENDERS, *SENDERS.named("old")) == ports(renamed)


def test_in_the_files_of_another_machine_every_service_may_run_a_gate_but_no_user(tmp_path: Path) -> None:
    own = verdict(0, service="my-app")
    forged = [verdict(1 + number, _SYSTEMD_UNIT=unit) for number, unit in enumerate(FOREIGN[:4])]
    assert found(tmp_path, [own, *forged], UNKNOWN_MACHINE) == ports(own)


def test_status_counts_no_forged_record_and_shows_none(tmp_path: Path) -> None:
    forged = [
        verdict(number, kind, _SYSTEMD_UNIT=unit, _UID=EVE, SOCKGATE_RULE="forged")
        for number, kind in enumerate((ACCEPTED, REFUSED, FAILED))
        for unit in FOREIGN
    ]
    for record in forged:
        del record["_SYSTEMD_SLICE"]
    write_journal(tmp_path, [refusal(0), *forged, *(without_unit(record, MAILER) for record in forged)])
    tally = Tally(SMTP, SENDERS, NOON, str(tmp_path))
    tally.update()
    assert (tally.accepted, tally.failed, dict(tally.refused)) == (0, 0, {"--deny": 1})
    assert [refusal.rule for refusal in tally.last_refusals()] == ["--deny 192.0.2.0/24"]


def test_no_sum_hides_the_refusals_before_it(tmp_path: Path) -> None:
    """It may have begun before the counts did, and that of another sender may say what it likes."""
    one = refusal(1)
    forged = summed(one, 9, 2, 3, SOCKGATE_FIRST=1, _SYSTEMD_UNIT="user@1000.service", _SYSTEMD_SLICE="user.slice")
    write_journal(tmp_path, [one, summed(one, 5, -20, 2), forged])
    tally = Tally(SMTP, SENDERS, NOON, str(tmp_path))
    assert [refusal.count for refusal in tally.last_refusals()] == [5, 1]


def test_what_is_counted_by_rule_is_cleaned_and_bounded(tmp_path: Path) -> None:
    rules = ["/etc/my rules:3", "\x1b]0;owned\x07", *(f"/etc/rules:{number}" for number in range(MOST_RULES + 50))]
    write_journal(tmp_path, [refusal(number, rule) for number, rule in enumerate(rules)])
    tally = Tally(SMTP, SENDERS, NOON, str(tmp_path))
    tally.update()
    assert tally.refused.total() == len(rules)
    assert (tally.refused["/etc/my rules:3"], tally.refused["?]0;owned?"]) == (1, 1)
    assert (len(tally.refused), tally.refused[OTHERS]) == (MOST_RULES + 1, 52)
    assert all(rule.isprintable() for rule in tally.refused)
