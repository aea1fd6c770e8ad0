"""When a port has outgrown a gate for each connection."""

from pathlib import Path

import pytest

from sockgate.connection.log import REFUSED
from sockgate.ctl.check.load import busiest, how_to_switch, most_within
from sockgate.ctl.gated_service import find_named
from sockgate.host.host import Host
from sockgate.journal.connection import MICROSECONDS
from sockgate.journal.senders import GateUnit, Senders
from tests.ctl.check.good_units import GOOD, RESIDENT, RESIDENT_UNIT, SOCKET, SOCKET_UNIT
from tests.journal.export import write_journal
from tests.journal.records import NOON, in_order, resident, verdict
from tests.units.tree import write_tree

GATE = GateUnit("smtp", "smtp")
SENDERS = Senders({"smtp": GATE}, frozenset({"other"}))


@pytest.mark.parametrize(
    ("times", "most"),
    [([], 0), ([5], 1), ([0, 9, 10], 2), ([10, 9, 0], 2), ([0, 1, 2, 30, 31, 32, 33], 4), ([7] * 6, 6)],
)
def test_the_busiest_ten_seconds_are_found(times: list[int], most: int) -> None:
    assert most_within(times, 10) == most


def test_connections_of_the_last_hour_are_counted_and_nothing_else(tmp_path: Path) -> None:
    crowd = [verdict(at / 10) for at in range(60)] + [verdict(6 + at / 10, REFUSED) for at in range(30)]
    others = [verdict(at / 100, service="other") for at in range(200)]
    forged = [verdict(at / 100) | {"_SYSTEMD_UNIT": "other.service"} for at in range(200)]
    write_journal(tmp_path, in_order(*crowd, *others, *forged, verdict(50), resident(verdict(51))))
    an_hour = 3600 * MICROSECONDS
    assert busiest(GATE, lambda: SENDERS, NOON + 60 * MICROSECONDS, str(tmp_path)) == 90
    # Of few connections it does not matter whose they are: nothing is said, and no unit of the machine is read.
    write_journal(tmp_path / "quiet", in_order(*others[:5], verdict(50), resident(verdict(51))))
    for later, most in ((30, 2), (60, 0)):
        now = NOON + later * MICROSECONDS + an_hour
        assert busiest(GATE, pytest.fail, now, str(tmp_path / "quiet")) == most


def test_the_line_that_switches_over_is_told_where_the_resident_unit_is(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {SOCKET: SOCKET_UNIT})
    assert how_to_switch(find_named("mail", Host(str(tmp_path)).search), Host(str(tmp_path))) == (
        "write mail.service for sockgated, see sockgated(8), then set Accept=no in mail.socket"
    )
    write_tree(tmp_path, {RESIDENT: RESIDENT_UNIT})
    assert how_to_switch(find_named("mail", Host(str(tmp_path)).search), Host(str(tmp_path))) == (
        "put Accept=no under [Socket] with `systemctl edit mail.socket`, then `systemctl restart mail.socket`:"
        " sockgated serves it with the same options"
    )
