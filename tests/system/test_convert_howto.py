"""The two services of the howto, moved by the commands that `convert --install` prints: over, and back again.

Real xinetd before, real servers behind both: Courier's esmtpd stands where qmail-smtpd was, imaplogin and imapd.
"""

import json
import shlex
from pathlib import Path

import pytest

from tests.system import services
from tests.system.machine import Machine
from tests.system.test_smtp import ACCEPTED, MEMBER, NO_RELAY, STRANGER

pytestmark = pytest.mark.oldest_and_newest("the commands are the same from 252 on")

HOWTO = """defaults
{
	instances = 60
	cps = 500 10
}
service smtp
{
	flags = REUSE NAMEINARGS NODELAY
	socket_type = stream
	protocol = tcp
	wait = no
	user = courier
	passenv =
	env = BOFHCHECKDNS=0 TARPIT=0
	server = /var/qmail/bin/tcp-env
	server_args = tcp-env -R /usr/local/bin/relaycheck 127.0.0.1,192.168.0. /usr/sbin/courieresmtpd
	log_type = FILE /var/log/smtp
	log_on_success = PID HOST EXIT DURATION
	log_on_failure = HOST ATTEMPT
}
service imap
{
	socket_type = stream
	wait = no
	user = root
	only_from = 192.168.0.0/24
	bind = 192.168.0.1
	server = /usr/lib/courier/courier/imaplogin
	server_args = /usr/bin/imapd Maildir
	log_type = FILE /var/log/imap
	log_on_failure = HOST ATTEMPT
}
"""
INSIDERS = ("127.0.0.1", "192.168.0.5")
OUTSIDERS = ("10.1.1.1", "192.168.10.5", "192.168.100.5", "127.0.0.10")
Told = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def mail(machine: Machine) -> Machine:
    """A machine whose xinetd serves IMAP; its SMTP lacks tcp-env, which no package has any more."""
    services.add_addresses(machine, services.INSIDE, "fd00:1::1", "fd00:1::5", "192.168.0.5", *OUTSIDERS[:3])
    services.courier_accounts(machine)
    services.courier_smtp(machine)
    machine.shell("rm -r /etc/systemd/system/smtp*.service.d; systemctl daemon-reload")
    machine.systemctl("start", "courier-authdaemon")
    machine.write("/etc/xinetd.conf", HOWTO)
    machine.shell("update-rc.d -f xinetd remove; update-rc.d xinetd defaults")  # roots.py took links away
    machine.systemctl("enable", "xinetd")
    machine.systemctl("start", "xinetd")
    machine.wait_for(lambda: listening(machine, 143) == "xinetd", "xinetd to listen")
    return machine


@pytest.fixture(scope="module")
def told(mail: Machine) -> Told:
    done = mail.run("sockgatectl", "convert", "xinetd", "/etc/xinetd.conf", "--install", "--json", check=False)
    assert done.returncode == 1, done.stderr
    converted: Told = json.loads(done.stdout)
    return converted


def listening(machine: Machine, port: int) -> str:
    """The name of the program that listens there."""
    shown = machine.run("ss", "-Hltnp", "sport", "=", f":{port}").stdout
    return shown.partition('users:(("')[2].partition('"')[0]


def run_all(machine: Machine, commands: list[str]) -> None:
    """As an administrator who pastes them into a shell."""
    for command in commands:
        machine.run(*shlex.split(command))


def refused_at_once(machine: Machine, source: str) -> bool:
    return [text for _, text in services.listen(machine, 143, source, services.INSIDE)] == [""]


def first_byte(machine: Machine) -> str:
    """What an insider is sent: of xinetd's imaplogin it is not IMAP yet, but a message on its standard error."""
    script = "import socket; print(socket.create_connection(('192.168.0.1', 143), 20, ('192.168.0.5', 0)).recv(1))"
    return machine.python(script).stdout


def read_mail(machine: Machine) -> list[str]:
    return services.client(machine, "mailbox", "imap", INSIDERS[1], services.INSIDE).split()


def test_xinetd_has_the_port_and_the_report_says_so(mail: Machine, told: Told) -> None:
    assert first_byte(mail) == "b'D'\n"
    assert refused_at_once(mail, OUTSIDERS[0])
    (warning,) = told["install"]["warnings"]
    assert warning.startswith("Port 143/tcp of imap is taken by xinetd (pid ")
    assert warning.endswith("), which the commands below stop.")
    assert "refused" not in {entry["outcome"] for entry in told["report"]}  # type: ignore[index]


def test_systemd_has_nothing_to_say_about_the_units(mail: Machine, told: Told) -> None:
    done = mail.shell("cd /etc/systemd/system && systemd-analyze verify smtp.socket smtp@.service smtp.service "
                      "imap.socket imap@.service imap.service")  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


def test_switched_over_smtp_relays_for_the_clients_that_relaycheck_knew(mail: Machine, told: Told) -> None:
    run_all(mail, told["install"]["switch_over"])
    assert listening(mail, 25) == "systemd"
    sources = (*INSIDERS, *OUTSIDERS)
    paths = [(source, services.INSIDE, 25) for source in sources]
    paths += [(f"::ffff:{source}", f"::ffff:{services.INSIDE}", 25) for source in sources]
    paths += [("fd00:1::5", "fd00:1::1", 25), ("::1", "::1", 25)]
    answers = services.converse(mail, paths, [STRANGER, MEMBER])
    for (source, _, _), codes in zip(paths, answers, strict=True):
        assert codes == (ACCEPTED if source.removeprefix("::ffff:") in INSIDERS else NO_RELAY), source


def test_switched_over_imap_is_for_the_inner_network_on_the_inner_address(mail: Machine, told: Told) -> None:
    assert read_mail(mail) == ["Subject:", "greeting", "hello"]
    assert all(refused_at_once(mail, source) for source in OUTSIDERS[:3])
    assert f"{services.INSIDE}:143" in mail.run("ss", "-Hltn", "sport", "=", ":143").stdout
    assert mail.run("ss", "-Hltn", "sport", "=", ":143").stdout.count("\n") == 1
    found = "--unit=imap.service", "SYSLOG_IDENTIFIER=sockgated", f"SOCKGATE_REMOTE_ADDR={OUTSIDERS[0]}"
    records = mail.journal(*found)
    assert records[0]["SOCKGATE_VERDICT"] == "deny"
    assert "192.168.0.0/24" in records[0]["SOCKGATE_REASON"]


def test_a_hundred_conversations_leave_nothing_behind(mail: Machine, told: Told) -> None:
    clients = [(f"127.0.{number % 10}.1", "127.0.0.1", 25) for number in range(100)]
    for part in (clients[:50], clients[50:]):  # instances = 60
        answers = services.converse(mail, part, [MEMBER])
        assert [codes[-1] for codes in answers] == [221] * 50
    services.wait_until_idle(mail, "smtp")
    services.wait_until_idle(mail, "imap")
    assert services.failed_units(mail) == ""
    assert mail.run("sockgatectl", "check", "--level", "error", "smtp.socket", "imap.socket").returncode == 0


def test_the_sockets_come_back_after_a_boot_and_xinetd_does_not(mail: Machine, told: Told) -> None:
    assert mail.systemctl("is-enabled", "smtp.socket", "imap.socket").stdout.split() == ["enabled", "enabled"]
    assert mail.systemctl("is-enabled", "xinetd", check=False).stdout.strip() == "disabled"
    mail.systemctl("daemon-reload")  # the generator, which speaks up now, leaves both to the units that are there
    fragments = mail.systemctl("show", "--value", "-p", "FragmentPath", "smtp.socket", "imap.socket").stdout.split()
    assert fragments == ["/etc/systemd/system/smtp.socket", "/etc/systemd/system/imap.socket"]
    units = ("smtp.socket", "smtp@x.service", "smtp.service")
    drop_ins = mail.systemctl("show", "--value", "-p", "DropInPaths", *units).stdout.split()
    assert all(mail.path(path).readlink() == Path("/dev/null") for path in drop_ins), "those of the template are masked"


def test_switched_back_xinetd_serves_again(mail: Machine, told: Told) -> None:
    run_all(mail, told["install"]["switch_back"])
    mail.wait_for(lambda: listening(mail, 143) == "xinetd", "xinetd to listen")
    assert first_byte(mail) == "b'D'\n"
    assert refused_at_once(mail, OUTSIDERS[0])
    assert listening(mail, 25) == ""
    assert mail.shell("ls -p /etc/systemd/system | grep -E '^(smtp|imap).*[^/]$' || true").stdout == ""
