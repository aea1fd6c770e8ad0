"""What the accept loop does between its clients."""

import contextlib
import socket
import time
from pathlib import Path

from sockgate.dispatch.chores import EARLY_PORTION, EARLY_TOGETHER
from tests.connection.launch import everything_from
from tests.dispatch.conftest import Start
from tests.dispatch.faults import be_impatient, injected, log_to, put_chores_off
from tests.dispatch.gated import SECONDS, runs, wait_until
from tests.dispatch.test_limits_at_work import HOLD, enter

MORE = 10  # times so many: a client that comes too soon after another does not count as alone


def test_clients_that_come_alone_do_not_leave_all_ended_servers_to_the_chores(gated: Start) -> None:
    one = gated("--max-connections", "200", *HOLD, code=injected(put_chores_off))
    first = enter(one)
    one.wait_for("accepted")  # the chores write it
    time.sleep(0.1)  # they are done, and the next ones are an hour away
    (ended,) = one.children()
    first.close()
    wait_until(lambda: not runs(ended), one.log)
    clients = [enter(one) for _ in range(EARLY_PORTION - 1)]
    assert ended in one.children()
    while ended in one.children() and len(clients) < MORE * EARLY_PORTION:
        clients.append(enter(one))
    assert ended not in one.children()
    for client in clients:
        client.close()


def test_after_clients_that_came_alone_their_records_do_not_wait_for_the_chores(gated: Start, tmp_path: Path) -> None:
    place, address = str(tmp_path / "journal"), str(tmp_path / "gate")
    hour = injected(put_chores_off) + injected(be_impatient, "records.records", BRIEF_SECONDS=3600.0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(place)
        journal.settimeout(SECONDS)
        gated("/bin/echo", code=hour + injected(log_to, place), listen=address)
        assert b"listening on" in journal.recv(1 << 16)
        journal.setblocking(False)
        received: list[bytes] = []
        for _ in range(MORE * EARLY_TOGETHER):
            talk(address)
            received += records_in(journal)
        journal.settimeout(SECONDS)
        while len(received) < MORE // 2 * EARLY_TOGETHER:  # the chores of the first 10 ms have sent fewer
            received.append(journal.recv(1 << 16))


def talk(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(SECONDS)
        client.connect(address)
        assert everything_from(client) == b"\n"


def records_in(journal: socket.socket) -> list[bytes]:
    """The records that are there."""
    records = []
    with contextlib.suppress(BlockingIOError):
        while True:
            records.append(journal.recv(1 << 16))
    return records
