"""The sandboxes of the shipped units: how tight they are, and that a server with a setuid helper works in one.

That Courier's servers work in theirs is in test_mailboxes.py.
"""

import re
from collections.abc import Iterator

import pytest

from tests.system import services
from tests.system.machine import TREE, Machine

UNITS = {"sockgate": "{}@.service", "sockgated": "{}.service"}
# A resident unit pays for its sandbox once, and has more of it.
LARGE = {
    "sockgate": {"smtp": 2.5, "imap": 2.5, "pop3": 2.5}, "sockgated": {"smtp": 2.0, "imap": 2.0, "pop3": 2.0},
}  # fmt: skip
MOST_EXPOSED = {
    252: {"sockgate": {"smtp": 6.5, "imap": 7.0, "pop3": 7.0}, "sockgated": {"smtp": 6.0, "imap": 2.0, "pop3": 2.0}},
    257: LARGE,
    262: LARGE,
}
LARGE_PROFILES = {
    engine: TREE / "units" / f"{unit.format('smtp')}.d" / "50-sandbox-255.conf" for engine, unit in UNITS.items()
}
# What a server that a client has broken into can still do (servers/intruder): qmail's is a user without privileges,
# Courier's is root without most capabilities. Every engine has taken the rest away; from 255 on system calls as well.
PORTS = {"smtp": 25, "imap": 143}
CALLS = {
    "a setuid file", "an IPv4 socket", "a netlink socket", "writable code",
    "another personality", "tracing", "a user namespace",
}  # fmt: skip
LEFT = {
    ("smtp", "sockgate"): {252: {"a file in /tmp", "a device", *CALLS}, 255: {"a file in /tmp", "an IPv4 socket"}},
    ("smtp", "sockgated"): {252: {"a file in /tmp", *CALLS}, 255: {"a file in /tmp", "an IPv4 socket"}},
    ("imap", "sockgate"): {
        252: {"a file in a home", "a file in /tmp", *CALLS}, 255: {"a file in a home", "a file in /tmp"},
    },
    ("imap", "sockgated"): {
        252: {"a file in a home", "a file in /tmp"}, 255: {"a file in a home", "a file in /tmp"},
    },
}  # fmt: skip
CLIENT = ("127.0.0.1", "127.0.0.1", 25)
MEMBER = f"alice@{services.LOCAL_DOMAIN}"
MESSAGE = "Subject: greeting\r\n\r\nhello\r\n"
QUEUED = [220, 250, 250, 250, 250, 221]  # greeting, EHLO, MAIL, RCPT, DATA, QUIT
NOT_QUEUED = [220, 250, 250, 250, 451, 221]


@pytest.fixture(scope="module")
def stand_in(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    services.qmail_stand_in(machine, tmp_path_factory.mktemp("build"))
    machine.systemctl("enable", "--now", "smtp.socket")
    return machine


@pytest.fixture(scope="module", params=services.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def qmail(stand_in: Machine, engine: str) -> Machine:
    services.switch(stand_in, engine, "smtp")
    return stand_in


@pytest.fixture
def large_profile(qmail: Machine, engine: str) -> Iterator[None]:
    """The drop-in for systemd 255 and newer, installed on any."""
    change_sandbox(qmail, engine, LARGE_PROFILES[engine].read_text())
    yield
    change_sandbox(qmail, engine, "")


def change_sandbox(machine: Machine, engine: str, text: str) -> None:
    services.drop_in(machine, UNITS[engine].format("smtp"), text)
    machine.systemctl("try-restart", "smtp.service")


@pytest.mark.parametrize("kind", UNITS)
@pytest.mark.parametrize("service", ["smtp", "imap", "pop3", "smtps", "imaps", "pop3s"])
def test_the_exposure_is_low(machine: Machine, service: str, kind: str) -> None:
    unit = UNITS[kind]
    # Where the drop-ins for this systemd are; by itself it looks at files alone.
    with_generated = ("env", "SYSTEMD_UNIT_PATH=/run/systemd/generator.late:")
    report = machine.run(*with_generated, "systemd-analyze", "security", "--offline=yes", unit.format(service)).stdout
    (level,) = re.findall(r"Overall exposure level for .*: ([0-9.]+)", report)
    assert float(level) <= MOST_EXPOSED[machine.systemd_version][kind][service.rstrip("s")]


def queue_one(machine: Machine) -> list[int | str]:
    machine.shell("rm -f /var/qmail/queue/*")
    (codes,) = services.converse(machine, [CLIENT], [MEMBER], MESSAGE)
    return codes


def test_mail_is_queued_through_a_setuid_program(qmail: Machine) -> None:
    assert queue_one(qmail) == QUEUED
    assert qmail.shell("stat -c '%U %a' /var/qmail/queue/message.*").stdout == "qmailq 600\n"
    message = qmail.shell("cat /var/qmail/queue/message.*").stdout
    assert message.startswith("Received: from unknown (HELO client.example.test) (127.0.0.1)\n")
    assert message.endswith("hello\n")
    envelope = qmail.shell("cat /var/qmail/queue/envelope.*").stdout
    assert envelope == f"Fsender@example.test\0T{MEMBER}\0\0"


def test_only_the_setuid_program_may_write_to_the_queue(qmail: Machine) -> None:
    result = qmail.run("runuser", "-u", "qmaild", "--", "touch", "/var/qmail/queue/message", check=False)
    assert "Permission denied" in result.stderr


def test_the_large_profile_needs_systemd_255(qmail: Machine, large_profile: None) -> None:
    assert queue_one(qmail) == (NOT_QUEUED if qmail.systemd_version < 255 else QUEUED)


def test_the_large_profile_is_in_force_where_it_works(qmail: Machine, engine: str) -> None:
    unit = UNITS[engine].format("smtp").replace("@", "@1")
    value = qmail.systemctl("show", "--property=RestrictNamespaces", unit).stdout.strip()
    assert value == ("RestrictNamespaces=no" if qmail.systemd_version < 255 else "RestrictNamespaces=yes")


@pytest.mark.parametrize("service", ["smtp", "imap", "pop3", "smtps", "imaps", "pop3s"])
def test_a_setting_of_a_newer_systemd_replaces_that_of_an_older_one(machine: Machine, service: str) -> None:
    shown = machine.systemctl("show", "--property=PrivateTmp,PrivateTmpEx", f"{service}@1.service").stdout
    newest = "PrivateTmp=yes\nPrivateTmpEx=disconnected\n"
    assert shown == (newest if machine.systemd_version >= 257 else "PrivateTmp=no\n")


def test_the_server_cannot_write_elsewhere(qmail: Machine) -> None:
    services.set_options(qmail, "smtp", "--relay localhost", '/bin/sh -c "touch /var/qmail/x /var/tmp/x 2>&1"')
    qmail.systemctl("try-restart", "smtp.service")
    assert "Read-only file system" in services.listen(qmail, 25)[0][1]
    qmail.run("rm", "/etc/default/sockgate-smtp")
    qmail.systemctl("try-restart", "smtp.service")


@pytest.fixture(scope="module")
def open_places(stand_in: Machine) -> Machine:
    """What every user of the machine may write to, or read, where a sandbox does not forbid it."""
    stand_in.shell("""
        for folder in /usr/local/share /run /home; do install -d -m 1777 $folder/open; done
        mknod -m 666 /dev/of-another b 259 99
    """)
    services.install_server(stand_in, "intruder")
    stand_in.systemctl("start", "imap.socket")
    return stand_in


@pytest.mark.parametrize("service", PORTS)
def test_a_hostile_server_can_do_only_this(open_places: Machine, qmail: Machine, engine: str, service: str) -> None:
    services.switch(qmail, engine, service)
    options = f"--{'relay' if service == 'smtp' else 'allow'} localhost"
    services.set_options(qmail, service, options, "/usr/local/bin/intruder")
    qmail.systemctl("try-restart", f"{service}.service")
    done = set(services.listen(qmail, PORTS[service])[0][1].splitlines())
    qmail.run("rm", f"/etc/default/sockgate-{service}")
    qmail.systemctl("try-restart", f"{service}.service")
    assert done == LEFT[service, engine][255 if qmail.systemd_version >= 255 else 252]


def test_nothing_failed(qmail: Machine) -> None:
    assert services.failed_units(qmail) == ""
