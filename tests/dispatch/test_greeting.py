"""--greet-delay in sockgated: a child of its own waits with each client, and no other process does."""

import time
from pathlib import Path

from tests.dispatch.conftest import Start
from tests.dispatch.gated import wait_until

SERVER = ["/bin/sh", "-c", 'echo "220 ready"; read -r line; echo "250 $line"']


def test_early_talkers_are_refused_and_patient_clients_served_side_by_side(gated: Start) -> None:
    one = gated("--greet-delay", "3,554 too early", "--max-connections", "200", *SERVER)
    start = time.monotonic()
    patient = [one.connect() for _ in range(20)]
    early = [one.connect(f"127.0.1.{number}") for number in range(20)]
    for client in early:
        client.sendall(b"EHLO client\r\n")
    for client in early:
        assert client.recv(100) == b"554 too early\r\n"
        client.close()
    for client in patient:
        assert client.recv(100) == b"220 ready\n"
        client.sendall(b"EHLO client\r\n")
        assert client.recv(100) == b"250 EHLO client\r\n"
        client.close()
    assert time.monotonic() - start < 20 * 3  # they did not wait for each other
    wait_until(lambda: not one.children(), lambda: str(one.children()))
    refused = one.wait_for("refused 127.0.1.", 20)
    assert all(line.endswith(": spoke before it was greeted: 'EHLO client'") for line in refused)
    assert len(one.lines("accepted")) == len(one.wait_for("ended", 20)) == 20
    one.stop()
    assert "20 served, 20 refused" in one.lines("stopped")[0]


def test_limits_count_clients_that_wait(gated: Start) -> None:
    one = gated("--greet-delay", "60", "--max-per-source", "1", "--deny-message", "421 enough", *SERVER)
    with one.connect() as waiting:
        wait_until(one.children, one.log)
        assert one.talk() == b"421 enough\r\n"
        assert one.talk("127.0.0.2", b"EHLO other\r\n") == b"421 enough\r\n"
        waiting.close()
        assert one.wait_for("has gone before it was greeted")


def test_a_rule_decides_which_clients_wait(gated: Start, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text('127.0.0.2:allow,GREETDELAY="0"\n127.0.0.3:allow,RELAYCLIENT=""\n:allow\n')
    one = gated("--greet-delay", "60,554 too early", "--rules", str(rules), *SERVER)
    assert one.talk("127.0.0.2", b"EHLO client\r\n") == b"220 ready\n250 EHLO client\r\n"
    assert one.talk("127.0.0.3", b"EHLO client\r\n") == b"220 ready\n250 EHLO client\r\n"
    assert one.talk("127.0.0.4", b"EHLO client\r\n") == b"554 too early\r\n"


def test_a_client_whose_delay_is_wrong_takes_no_place(gated: Start, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text('127.0.0.1:allow,GREETDELAY="soon"\n:allow\n')
    one = gated("--greet-delay", "0.1", "--rules", str(rules), "--max-connections", "1", *SERVER)
    assert [one.talk() for _ in range(3)] == [b""] * 3
    assert all("GREETDELAY b'soon' is not" in line for line in one.wait_for("refused", 3))
    one.stop()
    assert "0 of 1 connections, 0 served, 3 refused" in one.lines("stopped")[0]
