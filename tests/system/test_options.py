"""Options where an administrator of systemd looks for them, and when a change of them counts."""

from collections.abc import Iterator

import pytest

from tests.system import services
from tests.system.machine import Machine

SERVER = "SOCKGATE_SERVER=/usr/local/bin/greet\n"


@pytest.fixture(scope="module")
def served(machine: Machine) -> Machine:
    services.add_qmail_users(machine)
    services.install_server(machine, "greet")
    return machine


@pytest.fixture
def smtp(served: Machine) -> Iterator[Machine]:
    """The shipped units and the stand-in server, no options yet, not started."""
    write_options(served, "default", SERVER)
    yield served
    served.systemctl("stop", "smtp.socket")
    services.drop_in(served, "smtp@.service", "")
    served.shell("rm -f /etc/default/sockgate-smtp /etc/sysconfig/sockgate-smtp; systemctl reset-failed")


def write_options(machine: Machine, folder: str, text: str) -> None:
    machine.write(f"/etc/{folder}/sockgate-smtp", text)


def is_let_in(machine: Machine) -> bool:
    return services.listen(machine, 25)[0][1] == "220 hello\n"


def test_the_next_connection_uses_changed_options(smtp: Machine) -> None:
    smtp.systemctl("start", "smtp.socket")
    assert is_let_in(smtp)
    write_options(smtp, "default", SERVER + "SOCKGATE_OPTIONS=--allow 192.0.2.1\n")
    assert not is_let_in(smtp)
    write_options(smtp, "default", SERVER + 'SOCKGATE_OPTIONS=--allow "192.0.2.1 localhost"\n')
    assert is_let_in(smtp)


def test_an_environment_file_overrides_a_drop_in_which_overrides_the_unit(smtp: Machine) -> None:
    smtp.systemctl("start", "smtp.socket")
    services.drop_in(smtp, "smtp@.service", '[Service]\nEnvironment="SOCKGATE_OPTIONS=--allow 192.0.2.1"\n')
    assert not is_let_in(smtp)
    write_options(smtp, "default", SERVER + "SOCKGATE_OPTIONS=--allow localhost\n")
    assert is_let_in(smtp)
    write_options(smtp, "sysconfig", "SOCKGATE_OPTIONS=--allow 192.0.2.1\n")
    assert not is_let_in(smtp)


def test_a_wrong_option_keeps_the_socket_from_starting_and_says_so(smtp: Machine) -> None:
    write_options(smtp, "default", SERVER + "SOCKGATE_OPTIONS=--relya localhost\n")
    assert smtp.systemctl("start", "smtp.socket", check=False).returncode == 1
    (line,) = [record["MESSAGE"] for record in smtp.journal("--unit=smtp.socket", "SYSLOG_IDENTIFIER=sockgatectl")]
    assert "unknown option '--relya'" in line
    status = smtp.systemctl("status", "smtp.socket", check=False).stdout
    assert "Active: failed (Result: exit-code)" in status
    assert "unknown option '--relya'" in status
    write_options(smtp, "default", SERVER)
    smtp.systemctl("start", "smtp.socket")
    assert is_let_in(smtp)


def test_a_missing_courier_configuration_keeps_its_socket_from_starting(smtp: Machine) -> None:
    smtp.shell("mv /etc/courier/imapd /etc/courier/imapd.away")
    assert smtp.systemctl("start", "imap.socket", check=False).returncode == 1
    smtp.shell("mv /etc/courier/imapd.away /etc/courier/imapd")
    smtp.journal("--unit=imap.socket", "SYSLOG_IDENTIFIER=sockgatectl")
    status = smtp.systemctl("status", "imap.socket", check=False).stdout
    assert "unable to read '/etc/courier/imapd': No such file or directory" in status


def test_as_shipped_mailboxes_are_for_this_machine_only(smtp: Machine) -> None:
    smtp.add_address("192.168.0.5/32")
    smtp.systemctl("start", "imap.socket", "pop3.socket")
    for port in (143, 110):
        assert services.listen(smtp, port)[0][1].startswith(("* OK", "+OK"))
        assert services.listen(smtp, port, "192.168.0.5", "192.168.0.5")[0][1] == ""
    smtp.systemctl("stop", "imap.socket", "pop3.socket")
